package testprogram

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// NeedNamespaces skips a test where network namespaces cannot be made: they take
// Linux, root and the programs ip and iptables-restore.
func NeedNamespaces(t testing.TB) {
	t.Helper()
	name := fmt.Sprintf("redoubt-test-%06x", rand.IntN(1<<24))
	for _, args := range [][]string{{"ip", "netns", "add", name}, {"ip", "netns", "exec", name, "iptables-restore", "--test", "/dev/null"}, {"ip", "netns", "del", name}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no network namespaces: %v: %v: %s", args, err, out)
		}
	}
}
