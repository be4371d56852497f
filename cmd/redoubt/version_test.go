package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The linker ignores a -X for a variable that does not exist: what the Makefile
// sets has to be found in the binary.
func TestLinkerSetsWhatTheMakefileSays(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`-X main\.(\w+)=`).FindAllStringSubmatch(string(makefile), -1)
	if len(names) != 1 {
		t.Fatalf("the Makefile sets %v, want the revision", names)
	}
	binary := filepath.Join(t.TempDir(), "redoubt")
	build := exec.Command("go", "build", "-ldflags", "-X main."+names[0][1]+"=feedc0ffee00-dirty", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.Contains(string(out), "redoubt "+version+" (revision feedc0ffee00-dirty, ") {
		t.Errorf("version says %q, %v", out, err)
	}
	if !strings.Contains(string(makefile), `s/^const version = "`) || regexp.MustCompile(`(?m)^const version = "[0-9.a-z-]+"$`).FindString(readFile(t, "version.go")) == "" {
		t.Error("the Makefile cannot find the version in version.go")
	}
}
