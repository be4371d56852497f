package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const configUsage = `Check or show the settings of a node without starting it.

Usage: redoubt config check [--name value]…
       redoubt config show  [--name value]…

Both take what "redoubt serve" takes and read the same environment and file.
check says nothing but "ok" or what is wrong; show lists every setting with its
value and where that came from.
`

func runConfig(_ context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] != "check" && args[0] != "show" {
		if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
			io.WriteString(stdout, configUsage)
			return exitOK
		}
		return usageError(stderr, "config needs check or show", "redoubt help config")
	}
	c, err := loadConfig(args[1:], os.Environ())
	if errors.Is(err, errHelp) {
		io.WriteString(stdout, configUsage)
		return exitOK
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help serve")
	}
	if args[0] == "show" {
		writeSettings(stdout, c)
		return exitOK
	}
	for _, w := range c.warnings() {
		fmt.Fprintln(stderr, "warning:", w)
	}
	fmt.Fprintln(stdout, "ok")
	return exitOK
}
