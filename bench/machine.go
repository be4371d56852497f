package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Machine is what a report says about where it was made. What a system does not
// tell is empty.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	Memory     string  `json:"memory"`
	Kernel     string  `json:"kernel"`
	OS         string  `json:"os"`
	FileSystem string  `json:"file_system"` // of the data
	SyncUs     float64 `json:"sync_us"`     // median time to write and fsync 256 bytes there
	Load       string  `json:"load"`        // averages before the first run
}

// inspect looks at the machine, and at the disk on which dir lies.
func inspect(dir string) (Machine, error) {
	m := Machine{
		CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Memory: field("/proc/meminfo", "MemTotal"), Kernel: firstLine("/proc/sys/kernel/osrelease"),
		OS:         strings.Trim(strings.TrimPrefix(field("/etc/os-release", "PRETTY_NAME"), "="), `"`),
		FileSystem: fileSystem(dir), Load: firstWords("/proc/loadavg", 3),
	}
	var kib int
	if _, err := fmt.Sscanf(m.Memory, "%d kB", &kib); err == nil {
		m.Memory = fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
	}
	var err error
	m.SyncUs, err = syncTime(dir)
	return m, err
}

// field finds "name: value" or name=value in a file; "" when there is no such file.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, " \t:="))
		}
	}
	return ""
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path) // "" = not told
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func firstWords(path string, n int) string {
	words := strings.Fields(firstLine(path))
	return strings.Join(words[:min(n, len(words))], " ")
}

// fileSystem is the type of the one that dir is on: the longest mount point
// above it.
func fileSystem(dir string) string {
	text, _ := os.ReadFile("/proc/mounts") // "" = not told
	best, kind := "", ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		rel, err := filepath.Rel(words[1], dir)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, "../") && len(words[1]) >= len(best) {
			best, kind = words[1], words[2]
		}
	}
	return kind
}

// inMemory reports whether a file system has no disk under it.
func inMemory(kind string) bool { return kind == "tmpfs" || kind == "ramfs" }

// syncTime is the median time that a small write and its fsync take, in
// microseconds.
func syncTime(dir string) (float64, error) {
	const writes = 100
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, 256*writes)); err != nil {
		return 0, err
	}
	var times []time.Duration
	for i := range writes {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, 256), int64(256*i)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return float64(times[writes/2]) / nsPerUs, nil
}

// versionOf is the first line that "program --version" prints.
func versionOf(program string) (string, error) {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}
