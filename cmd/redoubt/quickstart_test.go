package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"redoubt/resp/server"
)

// TestQuickstart runs the console blocks of docs/QUICKSTART.md as they stand and
// compares what is printed. Only the ports are others, since those of the page
// may be taken.
func TestQuickstart(t *testing.T) { runPage(t, "../../docs/QUICKSTART.md") }

// TestHTTPPage does the same with docs/HTTP.md.
func TestHTTPPage(t *testing.T) { runPage(t, "../../docs/HTTP.md") }

func runPage(t *testing.T, name string) {
	for _, tool := range []string{"bash", "redis-cli", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	base := freePortRange(t)
	dir := t.TempDir()
	shells := strings.Split(string(page), "<!-- new shell -->")
	for i, text := range shells {
		t.Run(fmt.Sprintf("shell %d", i+1), func(t *testing.T) {
			steps := consoleSteps(text)
			if len(steps) == 0 {
				t.Fatal("no console blocks")
			}
			runConsole(t, steps, base, dir, filepath.Dir(program))
		})
	}
}

// consoleStep is a command and the output that the page shows.
type consoleStep struct{ command, output string }

func consoleSteps(text string) []consoleStep {
	var steps []consoleStep
	inside := false
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console\n"
		case inside && isCommand:
			steps = append(steps, consoleStep{command: strings.TrimSpace(command)})
		case inside && len(steps) > 0:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

// prelude gives the commands of the page what a reader supplies: a terminal for
// redis-cli, and the patience to wait until a node is up or has ended.
const prelude = `
declare -A web
redoubt() {
	case "$*" in *--cluster*) ;; *) export REDOUBT_ADDR=127.0.0.1:$BASE ;; esac
	exec redoubt "$@" >>nodes.log 2>&1
}
redis-cli() {
	case " $* " in
	*" -p "*) command redis-cli --no-raw "$@" ;;
	*) command redis-cli --no-raw -p $BASE "$@" ;;
	esac
}
kill() { builtin kill "$@" && wait "${@: -1}" 2>/dev/null; }
started() { # PID words of the command
	local pid=$1 id=0
	while [ $# -gt 0 ]; do
		[ "$1" = --id ] && id=${2#n}
		shift
	done
	web[$pid]=$((BASE + id + 1000))
}
ready() {
	local pid
	for pid in "${!web[@]}"; do
		while builtin kill -0 $pid 2>/dev/null && ! curl -fs http://127.0.0.1:${web[$pid]}/readyz >/dev/null; do
			sleep 0.02
		done
	done
}
trap 'builtin kill -9 $(jobs -p) 2>/dev/null; wait' EXIT
`

func runConsole(t *testing.T, steps []consoleStep, base int, dir, programDir string) {
	ports := regexp.MustCompile(`\b([78])00([1-4$])`)
	alone := strings.NewReplacer(":7379/", fmt.Sprintf(":%d/", base+httpPortOffset)) // HTTP of a node without options
	var script strings.Builder
	script.WriteString(prelude)
	for i, s := range steps {
		command := ports.ReplaceAllStringFunc(alone.Replace(s.command), func(m string) string {
			from := base / 10
			if m[0] == '8' {
				from += 100
			}
			return fmt.Sprint(from) + m[3:]
		})
		if background, ok := strings.CutSuffix(command, " &"); ok {
			fmt.Fprintf(&script, "echo '>>>%d'\n%s &\nstarted $! %s\n", i, background, background)
		} else {
			fmt.Fprintf(&script, "ready\necho '>>>%d'\n%s\n", i, command)
		}
	}
	script.WriteString("echo '>>>end'\n")

	cmd := exec.CommandContext(background(t), "bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fmt.Sprint("BASE=", base), "PATH="+programDir+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	for i, s := range steps {
		_, got, _ := strings.Cut(string(out), fmt.Sprintf(">>>%d\n", i))
		got, _, _ = strings.Cut(got, ">>>")
		if got != s.output {
			t.Errorf("$ %s\n%s\nwant\n%s", s.command, got, s.output)
		}
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(dir, "nodes.log"))
		t.Logf("whole output:\n%s\nlog of the nodes (its end):\n%s", out, log[max(0, len(log)-4000):])
	}
}

// freePortRange returns a multiple of ten that is followed by free ports for one
// node alone (+0) and four of a cluster (+1 to +4), with those that follow from
// them for HTTP and for nodes: all below those of devcluster.FreePorts.
func freePortRange(t *testing.T) int {
	t.Helper()
	for base := 5010 + os.Getpid()%400*10; base+server.PeerPortOffset < 20000; base += 10 {
		free := true
		for i := range 5 {
			for _, offset := range []int{0, httpPortOffset, server.PeerPortOffset} {
				l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i+offset))
				if err != nil {
					free = false
					continue
				}
				l.Close()
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}
