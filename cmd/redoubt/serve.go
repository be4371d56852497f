package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// runServe runs a node until ctx ends.
func runServe(_ context.Context, args []string, stdout, stderr io.Writer) int {
	_, err := loadConfig(args, os.Environ())
	if errors.Is(err, errHelp) {
		writeHelp(stdout)
		return exitOK
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help serve")
	}
	fmt.Fprintln(stderr, "redoubt: node not assembled")
	return exitError
}
