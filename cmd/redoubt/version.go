package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is the next release while it is being made, and the release itself
// in the commit that is tagged with it.
const version = "0.1.0"

// linkedRevision is set by the linker (Makefile, LDFLAGS), and is empty in a
// binary that was built without make.
var linkedRevision string

// revision is the commit the binary was built from, "unknown" when it was built
// outside a checkout.
func revision() string {
	if linkedRevision != "" {
		return linkedRevision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return rev + dirty
}

func runVersion(_ context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] != "--help" && args[0] != "-h" {
		return usageError(stderr, "version takes no arguments", "redoubt help")
	}
	fmt.Fprintf(stdout, "redoubt %s (revision %s, %s, %s/%s)\n", version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
