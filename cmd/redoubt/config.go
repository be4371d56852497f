package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"redoubt/raft"
)

// Config is every setting of `redoubt serve`, read and checked. The table in
// config_table.go says what each one means.
type Config struct {
	ID       string
	Addr     string
	PeerAddr string
	HTTPAddr string // "" = off
	Announce string // host:port@busport, never empty after loading
	DataDir  string

	Cluster           string
	Join              string
	ClusterSecret     string
	ClusterSecretFile string
	// Bootstrap is the configuration an empty data directory starts with: the
	// members of Cluster, or this node alone. It has none if the node is to join.
	Bootstrap raft.Configuration
	// Self is this node as others reach it.
	Self raft.Member

	RequirePass   string
	HTTPToken     string
	ProtectedMode bool

	Fsync bool
	Reads string // linearizable, local

	Heartbeat       time.Duration
	ElectionTimeout time.Duration
	CommandTimeout  time.Duration
	ShutdownTimeout time.Duration

	SnapshotBytes    int64
	SnapshotInterval time.Duration // 0 = by size only
	MinFreeBytes     int64

	MaxClients          int
	TimeoutSeconds      int // 0 = idle clients are kept
	TCPKeepaliveSeconds int // 0 = off
	Databases           int
	MaxMemoryBytes      int64 // 0 = no limit
	ProtoMaxBulkBytes   int64
	QueryBufferBytes    int64
	OutputBufferBytes   int64 // 0 = no limit

	ConfigFile string
	LogFormat  string // auto, text, json
	LogLevel   string // debug, info, warn, error
	Pprof      bool

	origins map[string]string // setting name → where its value came from
}

// heartbeatTicks is the resolution of time in the core: three ticks to a
// heartbeat leave enough steps between which election timeouts can differ.
const heartbeatTicks = 3

// Tick is the time between two ticks of the core.
func (c *Config) Tick() time.Duration { return c.Heartbeat / heartbeatTicks }

// ElectionTicks is the election timeout in ticks, rounded up.
func (c *Config) ElectionTicks() int {
	return int((c.ElectionTimeout + c.Tick() - 1) / c.Tick())
}

// Origin says where the value of a setting came from: "default", "derived",
// "flag", "environment", "file NAME:LINE" or, of the cluster's secret, "file NAME".
func (c *Config) Origin(name string) string {
	if o := c.origins[name]; o != "" {
		return o
	}
	return originDefault
}

const (
	originDefault     = "default"
	originDerived     = "derived"
	originFlag        = "flag"
	originEnvironment = "environment"
)

// given reports whether somebody set the value rather than left it alone.
func (c *Config) given(name string) bool {
	o := c.Origin(name)
	return o != originDefault && o != originDerived
}

// errHelp is returned by loadConfig when --help is among the arguments.
var errHelp = errors.New("help requested")

// loadConfig reads the settings: a flag wins over the environment, that over
// the file of --config, that over the default. environ has the form of
// os.Environ.
func loadConfig(args, environ []string) (*Config, error) {
	flags, err := parseFlags(args)
	if err != nil {
		return nil, err
	}
	env, err := parseEnvironment(environ)
	if err != nil {
		return nil, err
	}
	c := defaults()
	var file []assignment
	if path := lastValue("config", env, flags); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the file of --config: %w", err)
		}
		if file, err = parseFile(path, string(text)); err != nil {
			return nil, err
		}
	}
	for _, source := range [][]assignment{file, env, flags} {
		for _, a := range source {
			if err := c.assign(a); err != nil {
				return nil, err
			}
		}
	}
	if err := c.derive(); err != nil {
		return nil, err
	}
	return c, c.check()
}

func defaults() *Config {
	c := &Config{origins: map[string]string{}}
	for _, s := range settings() {
		if err := s.value(c).set(s.def); err != nil {
			panic(fmt.Sprintf("default of %s: %v", s.name, err))
		}
	}
	return c
}

// assignment is one value from one source.
type assignment struct {
	name, value, origin string
	label               string // how the source calls the setting, for errors
}

func (c *Config) assign(a assignment) error {
	s, ok := lookupSetting(a.name)
	if !ok {
		return fmt.Errorf("%s: no such setting%s", a.label, suggestion(a.name))
	}
	if err := s.value(c).set(a.value); err != nil {
		return fmt.Errorf("%s: %w", a.label, err)
	}
	c.origins[s.name] = a.origin
	return nil
}

func lastValue(name string, sources ...[]assignment) string {
	var v string
	for _, source := range sources {
		for _, a := range source {
			if a.name == name {
				v = a.value
			}
		}
	}
	return v
}

// parseFlags reads --name value and --name=value. A yes|no setting without a
// value means yes. The last of several wins.
func parseFlags(args []string) ([]assignment, error) {
	var out []assignment
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--help" || arg == "-h" {
			return nil, errHelp
		}
		name, isFlag := strings.CutPrefix(arg, "--")
		if !isFlag {
			hint := ""
			if n := strings.TrimLeft(arg, "-"); n != arg {
				hint = "; did you mean --" + n + "?"
			}
			return nil, fmt.Errorf("unexpected argument %q: settings are written --name value%s", arg, hint)
		}
		name, value, hasValue := strings.Cut(name, "=")
		s, ok := lookupSetting(name)
		if !ok {
			return nil, fmt.Errorf("--%s: no such setting%s", name, suggestion(name))
		}
		switch more := i+1 < len(args) && !strings.HasPrefix(args[i+1], "--"); {
		case hasValue:
		case more:
			i++
			value = args[i]
		case s.isSwitch():
			value = "yes"
		default:
			return nil, fmt.Errorf("--%s needs a value: --%s %s", name, name, s.placeholder())
		}
		out = append(out, assignment{name: name, value: value, origin: originFlag, label: "--" + name})
	}
	return out, nil
}

const envPrefix = "REDOUBT_"

// envName is the environment variable of a setting.
func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// kubernetesVariable matches what Kubernetes puts into the environment of every
// container when a Service's name begins with redoubt.
var kubernetesVariable = regexp.MustCompile(`^REDOUBT(_\w+)?_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP)\w*)=|^REDOUBT(_\w+)?_PORT=(tcp|udp)://`)

func parseEnvironment(environ []string) ([]assignment, error) {
	var out []assignment
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		rest, ok := strings.CutPrefix(key, envPrefix)
		if !ok || key == envPassword || kubernetesVariable.MatchString(kv) {
			continue
		}
		name := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if _, ok := lookupSetting(name); !ok {
			return nil, fmt.Errorf("environment variable %s: no such setting%s", key, suggestion(name))
		}
		out = append(out, assignment{name: name, value: value, origin: originEnvironment, label: "environment variable " + key})
	}
	return out, nil
}
