package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"redoubt/raft"
	"redoubt/resp/server"
)

const recoverUsage = `Make a new cluster of one node that is left, when a majority is lost for good.

Usage: redoubt recover --data-dir DIR --id NAME [--announce ADDR]
                       [--compare DIR,…] [--dry-run] [--yes] [--force]

As long as a majority can come back, start those nodes instead: then nothing is
lost. Here something may be: what a majority had without this node is gone, and
what was never answered may appear. It is said what, and asked, before anything
changes. Take the node with the best log; --compare finds it.

The node keeps all its entries and becomes the only member of a new cluster, with
an id of its own. No node of the old cluster can take part in it: the others are
added with empty data directories and new names.

  --data-dir DIR    data directory of the node; it must not run
  --id NAME         its name, to be sure
  --announce ADDR   its address from now on, HOST:PORT[@[BUSHOST:]BUSPORT]
                    (default: the one that the log has)
  --compare DIR,…   data directories of all others that are left: says which has
                    the best log, and refuses a worse one
  --dry-run         say everything and change nothing
  --yes             do not ask
  --force           even if one of --compare is better, or all are a majority

Exit code 0: done, or could be. 1: refused. 2: wrong usage. 74: damaged.
`

type recoverOptions struct {
	dataDir, id, compare string
	addr, peerAddr       string // "" = as the log has it
	dryRun, yes, force   bool
}

func runRecover(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseRecover(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, recoverUsage)
		return exitOK
	case err != nil:
		return usageError(stderr, err, "redoubt help recover")
	}
	if err := o.run(ctx, os.Stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		if code := exitCode(err); code == exitDisk {
			return code
		}
		return exitError
	}
	return exitOK
}

func parseRecover(args []string) (o recoverOptions, err error) {
	var announce string
	f := flag.NewFlagSet("recover", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.dataDir, "data-dir", "", "")
	f.StringVar(&o.id, "id", "", "")
	f.StringVar(&announce, "announce", "", "")
	f.StringVar(&o.compare, "compare", "", "")
	f.BoolVar(&o.dryRun, "dry-run", false, "")
	f.BoolVar(&o.yes, "yes", false, "")
	f.BoolVar(&o.force, "force", false, "")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("recover takes no argument %q", f.Arg(0))
	case o.dataDir == "" || o.id == "":
		return o, errors.New("recover needs --data-dir and --id")
	}
	if announce != "" {
		if o.addr, o.peerAddr, err = server.ParseAnnounced(announce); err != nil {
			return o, fmt.Errorf("--announce: %w", err)
		}
	}
	return o, nil
}

func (o *recoverOptions) run(ctx context.Context, stdin io.Reader, w io.Writer) error {
	if err := refuseLink(o.dataDir); err != nil {
		return err
	}
	chosen, err := inspect(o.dataDir)
	if err != nil {
		return err
	}
	if chosen.id.NodeID != raft.NodeID(o.id) {
		return fmt.Errorf("data directory %s belongs to node %s, not to %s", o.dataDir, chosen.id.NodeID, o.id)
	}
	all := []*survivor{chosen}
	if o.compare != "" {
		for _, path := range strings.Split(o.compare, ",") {
			other, err := inspect(strings.TrimSpace(path))
			if err != nil {
				return fmt.Errorf("--compare: %w", err)
			}
			all = append(all, other)
		}
	}
	if err := sameCluster(all); err != nil {
		return err
	}
	chosen.describe(w)
	if len(all) > 1 {
		describeLogs(w, all)
	}
	config, err := o.newConfiguration(chosen)
	if err != nil {
		return err
	}
	if err := refuse(all); err != nil && !o.force {
		return err
	}
	chosen.describeLoss(w)
	if o.dryRun {
		fmt.Fprintf(w, "Nothing was changed: this was a dry run.\n")
		return nil
	}
	if !o.yes && !o.confirmed(ctx, stdin, w) {
		return errors.New("nothing was changed")
	}
	var clusterID [16]byte
	rand.Read(clusterID[:])
	id, err := chosen.dir.Recover(chosen.found, hex.EncodeToString(clusterID[:]), config)
	if err != nil {
		return err
	}
	describeNext(w, &id, o.dataDir)
	return nil
}

// refuseLink: a copy of a data directory made by copying the link to it is the
// directory itself, and recovering the copy would change the original.
func refuseLink(dataDir string) error {
	path := filepath.Clean(dataDir) // "DIR/" would be what the link leads to
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is a link to %s: if that is what you mean, say --data-dir %s", path, real, shellWord(real))
}

// confirmed asks for the node's name. Everything else is a no, Ctrl-C included,
// of which a read from the terminal learns nothing.
func (o *recoverOptions) confirmed(ctx context.Context, stdin io.Reader, w io.Writer) bool {
	fmt.Fprintf(w, "This cannot be undone. Type %s to go on: ", o.id)
	defer fmt.Fprintln(w)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return false
	case line := <-answer:
		return line == o.id && ctx.Err() == nil
	}
}

func (o *recoverOptions) newConfiguration(s *survivor) (raft.Configuration, error) {
	m := raft.Member{ID: s.id.NodeID}
	if i, ok := s.member(m.ID); ok {
		m = s.config.Members[i]
	}
	if o.addr != "" {
		m.Addr, m.PeerAddr = o.addr, o.peerAddr
	}
	m.Incarnation = s.id.Incarnation
	config, err := s.config.Alone(m)
	if err != nil {
		return config, fmt.Errorf("%w: no member that is added later would take its word; recover another node", err)
	}
	if m.Addr == "" {
		return config, fmt.Errorf("the log does not know %s as a member: give its address with --announce", m.ID)
	}
	return config, nil
}

// refuse says why there is something better to do.
func refuse(all []*survivor) error {
	chosen := all[0]
	for _, s := range all[1:] {
		if s.better(chosen) {
			return fmt.Errorf("%s in %s has the better log: recover that one, or this one with --force", s.id.NodeID, s.dir.Path)
		}
	}
	here := func(m raft.Member) bool {
		for _, s := range all {
			if s.id.NodeID == m.ID && (m.Incarnation == 0 || m.Incarnation == s.id.Incarnation) {
				return true
			}
		}
		return false
	}
	if !chosen.config.HasQuorum(here) {
		return nil
	}
	if len(all) == 1 {
		return fmt.Errorf("%s alone is a majority of the voters: start it, there is nothing to recover", chosen.id.NodeID)
	}
	return errors.New("these nodes are a majority of the voters: start them, and nothing is lost")
}
