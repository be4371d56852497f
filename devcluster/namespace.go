package devcluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// namespaces gives every node a network of its own, as machines have it: a network
// namespace with one address, all of them joined by a bridge to which this
// process is connected too.
type namespaces struct {
	bridge  string
	subnet  string // the first three numbers of the addresses
	members []namespace
	last    int // the last number in an address; they go round, since a used one is remembered for a while
}

// namespace is the network of one node. Its cable ends at the bridge.
type namespace struct{ name, host, cable string }

// Ports in a namespace, where nobody else takes any.
var namespacePorts = nodePorts{client: 6379, http: 6379 + httpPortOffset, peer: 6379 + peerPortOffset}

// bridgeHost is the address of this process; nodes count from 1.
const bridgeHost = 254

func newNamespaces() (*namespaces, error) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return nil, errors.New("network namespaces need Linux and root")
	}
	for _, name := range []string{"ip", "iptables-restore"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("network namespaces need the program %s: %w", name, err)
		}
	}
	subnet, err := freeSubnet()
	if err != nil {
		return nil, err
	}
	s := &namespaces{subnet: subnet, bridge: fmt.Sprintf("redoubt%06x", rand.IntN(1<<24))}
	if err := tool("", "ip", "link", "add", s.bridge, "type", "bridge"); err != nil {
		return nil, err
	}
	err = errors.Join(
		tool("", "ip", "addr", "add", s.address(bridgeHost)+"/24", "dev", s.bridge),
		tool("", "ip", "link", "set", s.bridge, "up"))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// freeSubnet picks one that no interface of this machine is in.
func freeSubnet() (string, error) {
	taken, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for range 100 {
		subnet := fmt.Sprintf("10.213.%d", rand.IntN(256))
		free := true
		for _, a := range taken {
			if n, ok := a.(*net.IPNet); ok && n.Contains(net.ParseIP(subnet+".1")) {
				free = false
			}
		}
		if free {
			return subnet, nil
		}
	}
	return "", errors.New("no free subnet in 10.213.0.0/16")
}

func (s *namespaces) address(host int) string { return fmt.Sprintf("%s.%d", s.subnet, host) }

// add makes the network of one more node.
func (s *namespaces) add() (namespace, error) {
	if len(s.members) == bridgeHost-1 {
		return namespace{}, fmt.Errorf("more than %d network namespaces", len(s.members))
	}
	var ns namespace
	for taken := true; taken; taken = slices.Contains(s.members, ns) {
		s.last = s.last%(bridgeHost-1) + 1
		ns = namespace{
			name: fmt.Sprintf("%s-%d", s.bridge, s.last), host: s.address(s.last),
			cable: fmt.Sprintf("%s%d", strings.TrimPrefix(s.bridge, "redoubt"), s.last), // a name has room for 15 letters
		}
	}
	if err := tool("", "ip", "netns", "add", ns.name); err != nil {
		return ns, err
	}
	s.members = append(s.members, ns)
	return ns, errors.Join(
		tool("", "ip", "link", "add", ns.cable, "type", "veth", "peer", "name", "eth0", "netns", ns.name),
		tool("", "ip", "link", "set", ns.cable, "master", s.bridge),
		tool("", "ip", "link", "set", ns.cable, "up"),
		tool("", "ip", "-n", ns.name, "addr", "add", ns.host+"/24", "dev", "eth0"),
		tool("", "ip", "-n", ns.name, "link", "set", "eth0", "up"),
		tool("", "ip", "-n", ns.name, "link", "set", "lo", "up"))
}

// chain is where a node filters what comes from another one.
func (ns namespace) chain() string { return "from-" + ns.host }

// listen has a node sort what comes from another one into a chain.
func (ns namespace) listen(from namespace) error {
	return ns.filter(":"+from.chain()+" - [0:0]", "-A INPUT -s "+from.host+" -j "+from.chain())
}

// forget takes back what listen has done.
func (ns namespace) forget(from namespace) error {
	return ns.filter("-D INPUT -s "+from.host+" -j "+from.chain(), "-F "+from.chain(), "-X "+from.chain())
}

// bend puts the link from one node to this one into a state.
func (ns namespace) bend(from namespace, s LinkState) error {
	rules := []string{":" + from.chain() + " - [0:0]"} // empties it
	switch {
	case s.Delay > 0 || s.Jitter > 0:
		return errors.New("links between network namespaces cannot be slow")
	case s.Stalled:
		rules = append(rules, "-A "+from.chain()+" -j DROP")
	case s.Cut:
		rules = append(rules,
			"-A "+from.chain()+" -p tcp -j REJECT --reject-with tcp-reset",
			"-A "+from.chain()+" -j REJECT")
	case s.Loss > 0:
		rules = append(rules, fmt.Sprintf("-A %s -m statistic --mode random --probability %.4f -j DROP", from.chain(), s.Loss))
	}
	return ns.filter(rules...)
}

// filter adds lines to the packet filter of the namespace, all at once.
func (ns namespace) filter(rules ...string) error {
	return tool("*filter\n"+strings.Join(rules, "\n")+"\nCOMMIT\n", "ip", "netns", "exec", ns.name, "iptables-restore", "--noflush")
}

// remove takes the network of one node away. The cable would go along, but later.
func (s *namespaces) remove(ns namespace) error {
	s.members = slices.DeleteFunc(s.members, func(other namespace) bool { return other == ns })
	return errors.Join(tool("", "ip", "link", "del", ns.cable), tool("", "ip", "netns", "del", ns.name))
}

// close takes all networks away.
func (s *namespaces) close() error {
	var errs []error
	for len(s.members) > 0 {
		errs = append(errs, s.remove(s.members[0]))
	}
	return errors.Join(append(errs, tool("", "ip", "link", "del", s.bridge))...)
}

// tool runs a program to its end.
func tool(input, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
