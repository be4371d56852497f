package testprogram

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Main is what a TestMain does: it stores the path of a redoubt that was built just
// now, runs the tests, and fails when they leave a goroutine behind. It does not
// return.
func Main(m *testing.M, path *string) {
	dir, err := os.MkdirTemp("", "redoubt-test-")
	if err != nil {
		panic(err)
	}
	*path = filepath.Join(dir, "redoubt")
	build := exec.Command("go", "build", "-o", *path, "redoubt/cmd/redoubt")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	code := 1
	if build.Run() == nil {
		code = m.Run()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.RemoveAll(dir)
	os.Exit(code)
}
