package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"redoubt/raft"
	"redoubt/resp/server"
)

const threeNodes = "n1=127.0.0.1:7001@17001,n2=127.0.0.1:7002@17002,n3=127.0.0.1:7003@17003"

func load(t *testing.T, args ...string) *Config {
	t.Helper()
	c, err := loadConfig(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "redoubt.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c := load(t)
	type outside struct {
		ID, Addr, PeerAddr, HTTPAddr, Announce, DataDir string
		Fsync, ProtectedMode                            bool
		Reads                                           string
		Heartbeat, ElectionTimeout, CommandTimeout      time.Duration
		MaxClients, Databases, ElectionTicks            int
		Tick                                            time.Duration
		ProtoMaxBulkBytes                               int64
	}
	got := outside{
		c.ID, c.Addr, c.PeerAddr, c.HTTPAddr, c.Announce, c.DataDir, c.Fsync, c.ProtectedMode, c.Reads,
		c.Heartbeat, c.ElectionTimeout, c.CommandTimeout, c.MaxClients, c.Databases, c.ElectionTicks(), c.Tick(), c.ProtoMaxBulkBytes,
	}
	want := outside{
		"n1", "127.0.0.1:6379", "127.0.0.1:16379", "127.0.0.1:7379", "127.0.0.1:6379@16379", "./redoubt-data", true, true, "linearizable",
		30 * time.Millisecond, 150 * time.Millisecond, 2 * time.Second, 10000, 16, 15, 10 * time.Millisecond, 32 << 20,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	alone := raft.Configuration{Members: []raft.Member{{ID: "n1", Role: raft.Voter, Addr: "127.0.0.1:6379", PeerAddr: "127.0.0.1:16379"}}}
	if !reflect.DeepEqual(c.Bootstrap, alone) {
		t.Errorf("bootstrap %+v, want this node alone", c.Bootstrap)
	}
	if w := c.warnings(); len(w) != 0 {
		t.Errorf("the defaults give up a promise: %v", w)
	}
}

func TestPrecedenceAndOrigin(t *testing.T) {
	path := writeFile(t, "# limits\nmaxclients 10\ntimeout 20\ndatabases 2\n")
	c, err := loadConfig(
		[]string{"--config", path, "--maxclients=1000"},
		[]string{"HOME=/", "REDOUBT_MAXCLIENTS=100", "REDOUBT_TIMEOUT=200"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		got    int
		want   int
		origin string
	}{
		{"maxclients", c.MaxClients, 1000, "flag"},
		{"timeout", c.TimeoutSeconds, 200, "environment"},
		{"databases", c.Databases, 2, "file " + path + ":4"},
		{"tcp-keepalive", c.TCPKeepaliveSeconds, 300, "default"},
	} {
		if tt.got != tt.want || c.Origin(tt.name) != tt.origin {
			t.Errorf("%s = %d from %s, want %d from %s", tt.name, tt.got, c.Origin(tt.name), tt.want, tt.origin)
		}
	}
	secret := writeFile(t, "hunter2\n")
	if got := load(t, "--cluster-secret-file", secret).Origin("cluster-secret"); got != "file "+secret {
		t.Errorf("the secret of --cluster-secret-file is from %q", got)
	}
	if c.Origin("peer-addr") != "derived" {
		t.Errorf("peer-addr is %s, want derived", c.Origin("peer-addr"))
	}
}

func TestTheFileMayBeNamedInTheEnvironment(t *testing.T) {
	c, err := loadConfig(nil, []string{"REDOUBT_CONFIG=" + writeFile(t, "id n7\n")})
	if err != nil || c.ID != "n7" {
		t.Errorf("got %v, %v", c, err)
	}
}

// Every row of the table must be settable by each of its names, and what
// config show prints must be accepted again.
func TestEverySettingHasThreeNames(t *testing.T) {
	sample := map[string]string{
		"addr": "127.0.0.1:7002", "announce": "127.0.0.1:6379@16379", "cluster": threeNodes,
		"cluster-secret": "s", "requirepass": "p", "peer-addr": "127.0.0.1:9", "http-addr": "",
	}
	seen := map[string]bool{}
	for _, s := range settings() {
		if seen[s.name] {
			t.Errorf("%s is in the table twice", s.name)
		}
		seen[s.name] = true
		if s.name == "config" || s.name == "cluster-secret-file" {
			continue // need a file; tested on their own
		}
		want, ok := sample[s.name]
		if !ok {
			want = s.value(load(t)).text()
		}
		for source, read := range map[string]func() (*Config, error){
			"flag with space": func() (*Config, error) { return loadConfig([]string{"--" + s.name, want}, nil) },
			"flag with =":     func() (*Config, error) { return loadConfig([]string{"--" + s.name + "=" + want}, nil) },
			"environment":     func() (*Config, error) { return loadConfig(nil, []string{envName(s.name) + "=" + want}) },
			"file": func() (*Config, error) {
				return loadConfig([]string{"--config", writeFile(t, s.name+` "`+want+`"`)}, nil)
			},
		} {
			c, err := read()
			if s.name == "cluster" && err != nil && strings.Contains(err.Error(), "needs --id") {
				continue // read, and rightly asks for more
			}
			if err != nil {
				t.Errorf("%s by %s: %v", s.name, source, err)
			} else if got := s.value(c).text(); got != want || !c.given(s.name) {
				t.Errorf("%s by %s: %q from %s, want %q", s.name, source, got, c.Origin(s.name), want)
			}
		}
	}
}

func TestSwitchWithoutValueMeansYes(t *testing.T) {
	for _, tt := range []struct {
		args  []string
		pprof bool
	}{
		{[]string{"--pprof"}, true},
		{[]string{"--pprof", "--id", "n2"}, true},
		{[]string{"--pprof", "no"}, false},
		{[]string{"--pprof=false"}, false},
		{[]string{"--pprof", "--pprof=no"}, false},
	} {
		if got := load(t, tt.args...).Pprof; got != tt.pprof {
			t.Errorf("%v: pprof %v, want %v", tt.args, got, tt.pprof)
		}
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		name                                      string
		args                                      []string
		addr, peerAddr, httpAddr, announce, reach string
	}{
		{"ports follow --addr", []string{"--addr", "127.0.0.1:7001"},
			"127.0.0.1:7001", "127.0.0.1:17001", "127.0.0.1:8001", "127.0.0.1:7001@17001", "127.0.0.1:7001"},
		{"all from --cluster", []string{"--id", "n2", "--cluster", threeNodes},
			"127.0.0.1:7002", "127.0.0.1:17002", "127.0.0.1:8002", "127.0.0.1:7002@17002", "127.0.0.1:7002"},
		{"bus port from --cluster, host from --addr",
			[]string{"--id", "a", "--cluster", "a=db1:7001@9001", "--addr", "0.0.0.0:7001", "--protected-mode", "no"},
			"0.0.0.0:7001", "0.0.0.0:9001", "127.0.0.1:8001", "db1:7001@9001", "db1:7001"},
		{"IPv6", []string{"--id", "a", "--cluster", "a=[::1]:7001"},
			"[::1]:7001", "[::1]:17001", "[::1]:8001", "[::1]:7001@17001", "[::1]:7001"},
		{"any address is announced as this machine", []string{"--addr", ":7001", "--protected-mode", "no"},
			":7001", "127.0.0.1:17001", "127.0.0.1:8001", "127.0.0.1:7001@17001", "127.0.0.1:7001"},
		{"announced behind a NAT", []string{"--announce", "db1:1@2"},
			"127.0.0.1:6379", "127.0.0.1:16379", "127.0.0.1:7379", "db1:1@2", "db1:1"},
		{"any free port", []string{"--addr", "127.0.0.1:0"},
			"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0@0", "127.0.0.1:0"},
		{"high port", []string{"--addr", "127.0.0.1:65000", "--peer-addr", "127.0.0.1:65001", "--http-addr", ""},
			"127.0.0.1:65000", "127.0.0.1:65001", "", "127.0.0.1:65000@65001", "127.0.0.1:65000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, tt.args...)
			var reach string
			for _, m := range c.Bootstrap.Members {
				if string(m.ID) == c.ID {
					reach = m.Addr
				}
			}
			got := []string{c.Addr, c.PeerAddr, c.HTTPAddr, c.Announce, reach}
			if want := []string{tt.addr, tt.peerAddr, tt.httpAddr, tt.announce, tt.reach}; !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestParseCluster(t *testing.T) {
	conf, err := parseCluster("n3=10.0.0.3:7003, n1=h:7001@9001,n2=[fd00::2]:7002,n4=localhost:7004@n4:7004,n5=h:7005@[fd00::5]:9")
	if err != nil {
		t.Fatal(err)
	}
	want := raft.Configuration{Members: []raft.Member{
		{ID: "n1", Role: raft.Voter, Addr: "h:7001", PeerAddr: "h:9001"},
		{ID: "n2", Role: raft.Voter, Addr: "[fd00::2]:7002", PeerAddr: "[fd00::2]:17002"},
		{ID: "n3", Role: raft.Voter, Addr: "10.0.0.3:7003", PeerAddr: "10.0.0.3:17003"},
		{ID: "n4", Role: raft.Voter, Addr: "localhost:7004", PeerAddr: "n4:7004"},
		{ID: "n5", Role: raft.Voter, Addr: "h:7005", PeerAddr: "[fd00::5]:9"},
	}}
	if !reflect.DeepEqual(conf, want) {
		t.Errorf("got  %+v\nwant %+v", conf, want)
	}
	for _, m := range conf.Members {
		form := server.AnnouncedForm(m)
		addr, peerAddr, err := server.ParseAnnounced(form)
		if err != nil || addr != m.Addr || peerAddr != m.PeerAddr {
			t.Errorf("%s is read as %s and %s (%v)", form, addr, peerAddr, err)
		}
	}
	for _, tt := range []struct{ list, want string }{
		{"n1", "not of the form ID=HOST:PORT"},
		{"n1=", "not of the form HOST:PORT"},
		{"n1=h:7001,", "not of the form ID="},
		{"=h:7001", "not a name for a node"},
		{"n 1=h:7001", "not a name for a node"},
		{"n1=h", "not of the form HOST:PORT"},
		{"n1=h:x", `"x" is not a port`},
		{"n1=h:70000", `"70000" is not a port`},
		{"n1=h:7001@", "is not a port"},
		{"n1=h:7001@7001", "need two ports"},
		{"n1=h:7001@h:7001", "need two ports"},
		{"n1=h:7001@:9", "need a host they can reach behind the @"},
		{"n1=h:7001@0.0.0.0:9", "need a host they can reach behind the @"},
		{"n1=h:7001@p:", "is not a port"},
		{"n1=h:60000", "write h:60000@BUSPORT"},
		{"n1=:7001", "need a host"},
		{"n1=0.0.0.0:7001", "need a host"},
		{"n1=h:0", "need the port itself"},
		{"n1=h:7001,n1=h:7002", "n1 is in the list twice"},
		{"n1=h:7001,n2=h:7001", "h:7001 is in the list twice"},
		{"n1=h:7001@9,n2=h:7002@9", "h:9 is in the list twice"},
		{"n1=h:7001@9,n2=h:9", "h:9 is in the list twice"},
	} {
		if _, err := parseCluster(tt.list); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want …%s…", tt.list, err, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	secret := writeFile(t, "s3cret\n")
	empty := writeFile(t, "\n")
	tests := []struct {
		args string
		want string // "" = accepted
	}{
		// protected mode
		{"--addr 0.0.0.0:6379 --peer-addr 127.0.0.1:16379", "set --requirepass"},
		{"--addr 0.0.0.0:6379 --peer-addr 127.0.0.1:16379 --requirepass x", ""},
		{"--addr 0.0.0.0:6379 --requirepass x", ""},
		{"--addr 0.0.0.0:6379 --requirepass x --announce db1:6379", "set --cluster-secret-file"},
		{"--addr 10.0.0.1:6379 --requirepass x", "set --cluster-secret-file"},
		{"--addr 0.0.0.0:6379 --requirepass x --cluster-secret y", ""},
		{"--addr 0.0.0.0:6379 --requirepass x --cluster-secret-file " + secret, ""},
		{"--addr 0.0.0.0:6379 --protected-mode no", ""},
		{"--addr :6379 --cluster-secret y", "set --requirepass"},
		{"--addr db1.example:6379 --cluster-secret y", "set --requirepass"},
		{"--addr localhost:6379", ""},
		{"--addr [::1]:6379", ""},
		{"--http-addr 0.0.0.0:8001", "no password for its REST door"},
		{"--http-addr 0.0.0.0:8001 --requirepass x", ""},
		{"--http-addr 0.0.0.0:8001 --protected-mode no", ""},
		{"--pprof --http-addr 0.0.0.0:8001 --requirepass x", "memory contents"},
		{"--pprof --http-addr 0.0.0.0:8001 --protected-mode no", ""},
		// cluster
		{"--cluster " + threeNodes, "--cluster needs --id, which of the members this node is: n1, n2, n3"},
		{"--id n4 --cluster " + threeNodes, "--id n4 is not in --cluster, which has n1, n2, n3"},
		{"--id n4 --join 127.0.0.1:7001 --cluster " + threeNodes, ""},
		{"--id n4 --join 127.0.0.1:7001,127.0.0.1:7002", ""},
		{"--join 127.0.0.1:7001", "--join needs --id"},
		{"--id n4 --join nowhere", "--join: \"nowhere\" is not of the form HOST:PORT"},
		{"--id n4 --join 127.0.0.1:0", "--join: 127.0.0.1:0 has no port"},
		{"--id n4 --join 127.0.0.1:7001 --addr 127.0.0.1:0", "--join needs --announce"},
		{"--id n4 --join db1:6379", "the nodes there cannot reach this one at 127.0.0.1:16379: set --announce and --peer-addr"},
		{"--id n4 --join db1:6379 --announce db4:6379", ""},
		{"--id n1 --cluster n1", "--cluster: \"n1\" is not of the form"},
		{"--id n1 --announce h:1@2 --cluster " + threeNodes, "differs from this node's own address"},
		{"--id n1 --announce 127.0.0.1:7001@17001 --cluster " + threeNodes, ""},
		{"--id ../n1", "not a name for a node"},
		{"--id=", "not a name for a node"},
		{"--cluster-secret a --cluster-secret-file " + secret, "cannot both be set"},
		{"--cluster-secret-file " + secret + ".missing", "no such file"},
		{"--cluster-secret-file " + empty, "holds no secret"},
		// addresses
		{"--addr 6379", "not of the form HOST:PORT"},
		{"--addr 127.0.0.1:60000", "--peer-addr has to be set"},
		{"--addr 127.0.0.1:65000 --peer-addr 127.0.0.1:1", "--http-addr has to be set"},
		{"--peer-addr nonsense", "--peer-addr: \"nonsense\""},
		{"--http-addr nonsense", "--http-addr: \"nonsense\""},
		{"--peer-addr 127.0.0.1:6379", "--addr and --peer-addr use the same port 6379"},
		{"--http-addr 127.0.0.1:16379", "--peer-addr and --http-addr use the same port"},
		{"--announce 0.0.0.0:1", "need a host they can reach"},
		// values
		{"--maxclients many", "--maxclients: \"many\" is not a whole number"},
		{"--maxclients 0", "not between 1 and"},
		{"--maxmemory 10x", "is not a size"},
		{"--maxmemory 10kmb", "is not a size"},
		{"--maxmemory -1", "is not a size"},
		{"--maxmemory 99999999999gb", "too large"},
		{"--proto-max-bulk-len 1gb", "above the limit of 48mb"},
		{"--proto-max-bulk-len 1", "below the least size"},
		{"--fsync maybe", "neither yes nor no"},
		{"--reads stale", "none of linearizable, local"},
		{"--heartbeat 30", "write 30ms"},
		{"--heartbeat 1us", "not between 3ms and 10s"},
		{"--client-output-buffer-limit pubsub 1 2 3", "unexpected argument"},
		// combinations
		{"--heartbeat 100ms", "less than three times --heartbeat"},
		{"--command-timeout 200ms", "less than twice --election-timeout"},
		{"--client-query-buffer-limit 1mb", "could never arrive"},
		{"--pprof --http-addr=", "--pprof needs --http-addr"},
		{"--data-dir=", "--data-dir must not be empty"},
		// names
		{"--requirepas x", "--requirepas: no such setting; did you mean requirepass?"},
		{"--election 1s", "did you mean election-timeout?"},
		{"--port 6379", "redoubt has addr HOST:PORT"},
		{"--appendfsync no", "redoubt has fsync yes|no"},
		{"--zzzzzzzz x", "--zzzzzzzz: no such setting"},
		{"--id", "--id needs a value: --id NAME"},
		{"--id --addr x", "--id needs a value"},
		{"-addr x", "did you mean --addr?"},
		{"redoubt.conf", "settings are written --name value"},
		{"--config " + secret + ".missing", "reading the file of --config"},
	}
	for _, tt := range tests {
		_, err := loadConfig(strings.Fields(tt.args), nil)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.args, err)
		case tt.want != "" && err == nil:
			t.Errorf("%s: accepted, want …%s…", tt.args, tt.want)
		case tt.want != "" && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: %v, want …%s…", tt.args, err, tt.want)
		}
	}
}

func TestAllThatIsWrongIsReportedAtOnce(t *testing.T) {
	_, err := loadConfig(strings.Fields("--addr 10.0.0.1:6379 --heartbeat 1s --command-timeout 20ms"), nil)
	if n := len(strings.Split(err.Error(), "\n")); n != 4 {
		t.Errorf("%d complaints, want 4 (password, secret, heartbeat, command timeout):\n%v", n, err)
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct{ env, want string }{
		{"REDOUBT_DATADIR=x", "environment variable REDOUBT_DATADIR: no such setting; did you mean data-dir?"},
		{"REDOUBT_MAXCLIENTS=x", "environment variable REDOUBT_MAXCLIENTS: \"x\" is not a whole number"},
		{"redoubt_maxclients=x", ""},
		// What Kubernetes sets for Services called redoubt and redoubt-headless.
		{"REDOUBT_SERVICE_HOST=10.0.0.1", ""},
		{"REDOUBT_SERVICE_PORT_RESP=6379", ""},
		{"REDOUBT_PORT=tcp://10.0.0.1:6379", ""},
		{"REDOUBT_HEADLESS_PORT_6379_TCP_ADDR=10.0.0.1", ""},
		{"REDOUBT_PORT=6379", "redoubt has addr HOST:PORT"},
	}
	for _, tt := range tests {
		_, err := loadConfig(nil, []string{tt.env})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.env, err, tt.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
		out  string
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"1b", 1, "1"}, {"1k", 1000, "1000"}, {"1kb", 1024, "1kb"}, {"2M", 2000000, "2000000"},
		{"2Mb", 2 << 20, "2mb"}, {"3g", 3000000000, "3000000000"}, {"3GB", 3 << 30, "3gb"}, {"1536kb", 1536 << 10, "1536kb"},
	} {
		got, err := parseBytes(tt.in)
		if err != nil || got != tt.want || formatBytes(got) != tt.out {
			t.Errorf("%s = %d (%s), %v; want %d (%s)", tt.in, got, formatBytes(got), err, tt.want, tt.out)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		args  string
		tick  time.Duration
		ticks int
	}{
		{"", 10 * time.Millisecond, 15},
		{"--heartbeat 50ms --election-timeout 500ms", 50 * time.Millisecond / 3, 31},
		{"--heartbeat 3ms --election-timeout 10ms", time.Millisecond, 10},
	} {
		c := load(t, strings.Fields(tt.args)...)
		if c.Tick() != tt.tick || c.ElectionTicks() != tt.ticks {
			t.Errorf("%q: %d ticks of %s, want %d of %s", tt.args, c.ElectionTicks(), c.Tick(), tt.ticks, tt.tick)
		}
		if time.Duration(c.ElectionTicks())*c.Tick() < c.ElectionTimeout {
			t.Errorf("%q: the ticks are shorter than the election timeout", tt.args)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--fsync no", "fsync is off"},
		{"--reads local", "may return old values"},
		{"--addr 0.0.0.0:1 --protected-mode no", "without a password"},
		{"--http-addr 0.0.0.0:1 --protected-mode no", "without a password"},
		{"--peer-addr 0.0.0.0:1 --protected-mode no", "without a password or secret"},
		{"--id a --cluster a=127.0.0.1:1,b=127.0.0.1:2", "2 voters survive no more failures than 1"},
		{"--heartbeat 5ms --election-timeout 20ms", "election timeout is short"},
	} {
		w := load(t, strings.Fields(tt.args)...).warnings()
		if len(w) != 1 || !strings.Contains(w[0], tt.want) {
			t.Errorf("%s: %q, want one: …%s…", tt.args, w, tt.want)
		}
	}
}

func TestShownInConfigGet(t *testing.T) {
	c := load(t, "--requirepass", "hunter2", "--cluster-secret", "hunter3", "--fsync", "no")
	got := map[string]string{}
	for _, p := range c.shown() {
		if _, twice := got[p.Name]; twice {
			t.Errorf("%s is listed twice", p.Name)
		}
		got[p.Name] = p.Value
		if strings.Contains(p.Value, "hunter") {
			t.Errorf("%s shows a secret", p.Name)
		}
	}
	for name, want := range map[string]string{
		"appendfsync": "no", "port": "6379", "bind": "127.0.0.1", "dir": "./redoubt-data",
		"election-timeout": "150ms", "reads": "linearizable", "snapshot-bytes": "64mb",
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
}

func TestServerSettings(t *testing.T) {
	v := load(t, strings.Fields(`--requirepass p --protected-mode no --maxclients 7 --maxmemory 1kb --timeout 8
		--tcp-keepalive 9 --proto-max-bulk-len 2kb --client-query-buffer-limit 16kb --client-output-buffer-limit 3kb
		--databases 4`)...).serverSettings().Values()
	got := []any{v.RequirePass, v.ProtectedMode, v.MaxClients, v.MaxMemoryBytes, v.TimeoutSeconds, v.KeepAliveSeconds,
		v.MaxBulkBytes, v.MaxQueryBytes, v.MaxOutputBytes, v.Databases}
	want := []any{"p", false, 7, int64(1024), 8, 9, 2048, 16384, 3072, 4}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShownSettingsHideSecrets(t *testing.T) {
	var b bytes.Buffer
	writeSettings(&b, load(t, "--requirepass", "hunter2", "--cluster-secret", "hunter3"))
	if strings.Contains(b.String(), "hunter") {
		t.Errorf("a secret is shown:\n%s", b.String())
	}
	if n := len(strings.Split(strings.TrimSpace(b.String()), "\n")); n != len(settings()) {
		t.Errorf("%d lines for %d settings", n, len(settings()))
	}
}

func TestHelpFitsATerminal(t *testing.T) {
	var b bytes.Buffer
	writeHelp(&b)
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, s := range settings() {
		if !strings.Contains(b.String(), "--"+s.name+" ") {
			t.Errorf("--%s is not in the help text", s.name)
		}
	}
}
