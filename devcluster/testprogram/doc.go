// Package testprogram builds the binary that the tests of clusters start, once
// for a whole test program.
package testprogram
