package monitor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"redoubt/resp"
	"redoubt/resp/server"
)

// Collector asks the members of one cluster, again and again over the same
// connections. One goroutine at a time may use it.
type Collector struct {
	// Seeds are addresses of members to begin with, at least one.
	Seeds    []string
	Password string
	// Timeout bounds connecting and, once more, the answer of each member.
	Timeout time.Duration

	clusterID string                // of the first answer
	members   []server.MemberStatus // as the cluster listed them last
	seedOf    map[string]string     // id → the seed at which the member answered
	links     map[string]*resp.Client
}

// Collect asks all members at once and returns when all have answered or run
// out of time.
func (c *Collector) Collect() Snapshot {
	answers := c.refuseStrangers(c.ask(c.targets()))
	if page := leadingPage(answers); page != nil {
		c.members = page.Members
		c.learnSeeds(answers)
		var more []string
		for _, m := range c.members {
			if addr := c.addrOf(m); !slices.ContainsFunc(answers, func(a answer) bool { return a.addr == addr }) {
				more = appendNew(more, addr)
			}
		}
		answers = append(answers, c.refuseStrangers(c.ask(more))...)
	}
	members := slices.Clone(c.members)
	for i := range members {
		members[i].Addr = c.addrOf(members[i])
	}
	if len(members) > 0 { // a seed that is no member says nothing about the cluster
		answers = slices.DeleteFunc(answers, func(a answer) bool {
			return a.page == nil && !slices.ContainsFunc(members, func(m server.MemberStatus) bool { return m.Addr == a.addr })
		})
	}
	s := assemble(time.Now(), members, answers)
	s.ClusterID = c.clusterID
	for _, m := range s.Members {
		if m.Figures != nil {
			m.StatusPage.Members = nil // what they said is in the snapshot by now
		}
	}
	return s
}

// Close closes the connections.
func (c *Collector) Close() {
	for _, link := range c.links {
		_ = link.Close()
	}
	c.links = nil
}

// refuseStrangers turns answers from other clusters into errors. The first
// cluster that answers is the one.
func (c *Collector) refuseStrangers(answers []answer) []answer {
	for i, a := range answers {
		if a.page == nil {
			continue
		}
		c.clusterID = cmp.Or(c.clusterID, a.page.ClusterID)
		if a.page.ClusterID != c.clusterID {
			answers[i].page, answers[i].err = nil, fmt.Errorf("node %s of another cluster answers there", a.page.Node)
		}
	}
	return answers
}

// targets are the addresses to ask first: the members, and the seeds as long as
// nothing is known or one of them may know more.
func (c *Collector) targets() []string {
	var list []string
	for _, m := range c.members {
		list = appendNew(list, c.addrOf(m))
	}
	for _, seed := range c.Seeds {
		list = appendNew(list, seed)
	}
	return list
}

// appendNew lists each address once: a new member may have the address of the one
// that it replaces, and a connection has one user at a time.
func appendNew(list []string, addr string) []string {
	if slices.Contains(list, addr) {
		return list
	}
	return append(list, addr)
}

// addrOf is where to find a member: the seed at which it answered, because what
// the cluster calls it may be out of reach from here, or else its own address.
func (c *Collector) addrOf(m server.MemberStatus) string {
	return cmp.Or(c.seedOf[string(m.ID)], m.Addr)
}

func (c *Collector) learnSeeds(answers []answer) {
	if c.seedOf == nil {
		c.seedOf = map[string]string{}
	}
	for _, a := range answers {
		if a.page == nil || !slices.Contains(c.Seeds, a.addr) {
			continue
		}
		for id, addr := range c.seedOf { // another node lives there now
			if addr == a.addr {
				delete(c.seedOf, id)
			}
		}
		c.seedOf[string(a.page.Node)] = a.addr
	}
}

// leadingPage takes the leader's word, or that of whoever has applied most.
func leadingPage(answers []answer) *server.StatusPage {
	s := assemble(time.Time{}, nil, answers)
	if f := s.leading(); f != nil {
		return f.StatusPage
	}
	return nil
}

// ask asks several addresses, each named once, at the same time.
func (c *Collector) ask(addrs []string) []answer {
	answers := make([]answer, len(addrs))
	links := make([]*resp.Client, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		links[i] = c.links[addr]
		wg.Go(func() {
			page, link, err := c.askOne(addr, links[i])
			answers[i], links[i] = answer{addr, time.Now(), page, err}, link
		})
	}
	wg.Wait()
	if c.links == nil {
		c.links = map[string]*resp.Client{}
	}
	for i, addr := range addrs {
		delete(c.links, addr)
		if links[i] != nil {
			c.links[addr] = links[i]
		}
	}
	return answers
}

// askOne uses the link and returns it when it is still of use. A link that has
// broken since it was used last is replaced once: the member may have been
// restarted.
func (c *Collector) askOne(addr string, link *resp.Client) (*server.StatusPage, *resp.Client, error) {
	if link != nil {
		page, err := Status(link)
		if err == nil {
			return page, link, nil
		}
		_ = link.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil, InWords(err)
		}
	}
	link, err := resp.Login(addr, c.Password, c.Timeout)
	if err != nil {
		return nil, nil, InWords(err)
	}
	page, err := Status(link)
	if err != nil {
		_ = link.Close()
		return nil, nil, InWords(err)
	}
	return page, link, nil
}

// Ask asks one node about itself.
func Ask(addr, password string, timeout time.Duration) (*server.StatusPage, error) {
	link, err := resp.Login(addr, password, timeout)
	if err != nil {
		return nil, InWords(err)
	}
	defer link.Close()
	page, err := Status(link)
	return page, InWords(err)
}

// Status asks for the status page of the node at the other end.
func Status(link *resp.Client) (*server.StatusPage, error) {
	v, err := link.Do("REDOUBT", "STATUS")
	if err != nil {
		return nil, err
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	page := &server.StatusPage{}
	if err := json.Unmarshal([]byte(v.Str), page); err != nil || !sane(page) {
		return nil, fmt.Errorf("no status page in the reply: %.80q", v.Str)
	}
	return page, nil
}

// sane refuses what could not be a page, or could play with the terminal.
func sane(page *server.StatusPage) bool {
	texts := append([]string{string(page.Node), page.Role, string(page.Leader), page.Version, page.ClusterID}, page.NotReady...)
	for _, m := range page.Members {
		texts = append(texts, string(m.ID), m.Addr)
	}
	return page.Node != "" && !slices.ContainsFunc(texts, func(s string) bool { return !printable(s) })
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// InWords shortens what the network and servers say to what a row of a table
// has room for.
func InWords(err error) error {
	var op *net.OpError
	var syscallErr *os.SyscallError
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "NOAUTH"):
		return errors.New("it wants a password: set REDOUBT_PASSWORD or give --password")
	case strings.HasPrefix(err.Error(), "WRONGPASS"):
		return errors.New("the password is wrong")
	case strings.Contains(err.Error(), "unknown command"):
		return errors.New("it is not a redoubt, or one without REDOUBT STATUS")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &op) && op.Timeout():
		return errors.New("timed out")
	case errors.As(err, &syscallErr):
		return syscallErr.Err
	case op != nil && op.Op == "dial":
		return op.Err
	case !printable(err.Error()):
		return fmt.Errorf("%q", err.Error())
	}
	return err
}
