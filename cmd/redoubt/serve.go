package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"redoubt/fsm"
	"redoubt/metrics"
	"redoubt/raft/replica"
	"redoubt/resp/server"
	"redoubt/wal"
	"redoubt/web"
)

// runServe runs a node until ctx ends or the node stops by itself.
func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return runNode(ctx, args, func(string) wal.FS { return wal.OS() }, stdout, stderr)
}

// runNode runs a node whose data directory is on the disk that is found for it.
func runNode(ctx context.Context, args []string, disk func(dataDir string) wal.FS, stdout, stderr io.Writer) int {
	c, err := loadConfig(args, os.Environ())
	if errors.Is(err, errHelp) {
		writeHelp(stdout)
		return exitOK
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help serve")
	}
	log := newLogger(c, stderr)
	for _, w := range c.warnings() {
		log.Warn(w, "event", "config")
	}
	limit, err := openFilesLimit()
	if err == nil {
		err = c.fitClients(limit, log)
	}
	if err != nil {
		return usageError(stderr, err, "redoubt help serve")
	}
	limitMemory(log)
	if err := serve(ctx, c, disk(c.DataDir), log, stdout); err != nil {
		log.Error("stopped", "event", "stop", "err", err)
		fmt.Fprintf(stderr, "redoubt: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}

// process is what one `redoubt serve` consists of.
type process struct {
	config  *Config
	disk    wal.FS
	log     *slog.Logger
	node    *replica.Node
	server  *server.Server
	metrics *metrics.Metrics
	reg     *prometheus.Registry

	clients, peers, http net.Listener
}

func serve(ctx context.Context, c *Config, disk wal.FS, log *slog.Logger, stdout io.Writer) error {
	p := &process{config: c, disk: disk, log: log, reg: prometheus.NewRegistry()}
	p.metrics = metrics.New(p.reg)
	created, err := p.open(ctx)
	if errors.Is(err, context.Canceled) {
		log.Info("stopping before it has begun: asked to by a signal", "event", "stop")
		return nil
	}
	if err != nil {
		return err
	}
	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()
	p.server = server.New(p.serverConfig(shutdown))
	metrics.RegisterGauges(p.reg, p.gauges)
	p.greet(stdout, created)

	failed := make(chan error, 2)
	go func() { failed <- p.server.Serve(p.clients) }()
	if p.http != nil {
		port := web.New(p.webConfig(ctx))
		defer port.Close()
		watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the shutdown
		defer stop()
		go port.Run(watching)
		go func() {
			if err := port.Serve(p.http); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	select {
	case <-ctx.Done():
		log.Info("stopping: asked to by a signal or by SHUTDOWN", "event", "stop")
	case <-p.node.Done():
		return p.node.Err() // nothing more is answered, not even what is in flight
	case err = <-failed:
	}
	return errors.Join(err, p.shutdown())
}

// open claims the addresses, then the data directory, and starts the node.
func (p *process) open(ctx context.Context) (created bool, err error) {
	c := p.config
	defer func() {
		if err != nil {
			p.closeListeners()
		}
	}()
	var lc net.ListenConfig
	if p.clients, err = lc.Listen(ctx, "tcp", c.Addr); err != nil {
		return false, err
	}
	if p.peers, err = lc.Listen(ctx, "tcp", c.PeerAddr); err != nil {
		return false, err
	}
	if c.HTTPAddr != "" {
		if p.http, err = lc.Listen(ctx, "tcp", c.HTTPAddr); err != nil {
			return false, err
		}
	}
	dir := wal.Dir{Path: c.DataDir, FS: p.disk}
	id, created, err := identity(ctx, c, dir, p.log)
	if err != nil {
		return false, err
	}
	p.node, err = replica.Open(replica.Config{
		DataDir: dir, Identity: id, Version: version, Seed: randomUint64(),
		PeerListener: p.peers, PeerAddr: c.Self.PeerAddr, ClusterSecret: c.ClusterSecret,
		Tick: c.Tick(), ElectionTicks: c.ElectionTicks(), HeartbeatTicks: heartbeatTicks,
		CommandTimeout: c.CommandTimeout, SnapshotBytes: int(c.SnapshotBytes), SnapshotInterval: c.SnapshotInterval,
		MinFreeBytes: uint64(c.MinFreeBytes), NoSync: !c.Fsync, LocalReads: c.Reads == "local",
		Store:   fsm.Config{Databases: c.Databases},
		Metrics: p.metrics, Log: p.log,
	})
	return created, err
}

func (p *process) closeListeners() {
	for _, l := range []net.Listener{p.clients, p.peers, p.http} {
		if l != nil {
			l.Close()
		}
	}
}

// greet says what this node is and what to type next.
func (p *process) greet(w io.Writer, created bool) {
	c := p.config
	s := p.node.Recent()
	host, port, _ := net.SplitHostPort(reachable(p.clients.Addr().String()))
	how := fmt.Sprintf("recovered up to index %d", s.LastIndex)
	if created {
		how = "new"
	}
	fmt.Fprintf(w, "redoubt %s, node %s, cluster %s\n", version, c.ID, s.ClusterID)
	fmt.Fprintf(w, "  data       %s (%s)\n", c.DataDir, how)
	fmt.Fprintf(w, "  clients    %s   try: redis-cli -h %s -p %s set a 1\n", p.clients.Addr(), host, port)
	if p.http != nil {
		fmt.Fprintf(w, "  console    http://%s/   metrics: /metrics   health: /readyz\n", reachable(p.http.Addr().String()))
	}
	switch n := voters(s.Config); {
	case n == 0:
		fmt.Fprintf(w, "  joining    a cluster that has let this node in; it will be a voter when it has caught up\n")
	case n > 1:
		fmt.Fprintf(w, "  cluster    %d members; a write is answered when it is on the disks of %d\n", len(s.Config.Members), n/2+1)
	default:
		fmt.Fprintf(w, "  single     every write is on disk before it is answered; other nodes come with --join, see redoubt help serve\n")
	}
	if !c.Fsync {
		fmt.Fprintf(w, "  WARNING    --fsync no: a power failure may lose answered writes\n")
	}
}

// shutdown leaves the cluster without a gap: another node leads before this one
// stops taking commands, and what is in flight is answered.
func (p *process) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.config.ShutdownTimeout)
	defer cancel()
	if s := p.node.Recent(); s.ID == s.Leader && len(s.Config.Members) > 1 {
		handover, stop := context.WithTimeout(ctx, max(p.config.ShutdownTimeout/4, 2*p.config.ElectionTimeout))
		if err := p.node.Transfer(handover, ""); err != nil {
			p.log.Warn("leadership not handed over", "event", "stop", "err", err)
		}
		stop()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.server.Shutdown(ctx); err != nil {
			p.log.Warn("clients cut off before they had their answers", "event", "stop", "err", err)
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // what waits for a majority would go on waiting, and ends with the node
	}
	err := p.node.Close()
	<-ended
	return err
}

// serverConfig joins the settings of this process with the server's.
func (p *process) serverConfig(shutdown func()) server.Config {
	return server.Config{
		Node: p.node, Settings: p.config.serverSettings(), Metrics: p.metrics.Server, Log: p.log,
		Shutdown: shutdown, Version: version,
	}
}
