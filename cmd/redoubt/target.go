package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// target is the node or the nodes that a tool talks to.
type target struct {
	addr     string // HOST:PORT, several with commas
	password string
	timeout  time.Duration
}

const targetUsage = `  --addr HOST:PORT    %s (default: REDOUBT_ADDR
                      of the environment, else 127.0.0.1:6379)
  --password TEXT     password of the nodes (default: REDOUBT_PASSWORD or
                      REDOUBT_REQUIREPASS of the environment, which nobody else
                      on the machine can see)
  --timeout DURATION  how long a node may take to answer (default %s)
`

// flags enters the options that all tools have.
func (t *target) flags(f *flag.FlagSet, timeout time.Duration) {
	f.StringVar(&t.addr, "addr", defaultAddr(), "")
	f.StringVar(&t.password, "password", "", "")
	f.DurationVar(&t.timeout, "timeout", timeout, "")
}

// defaultAddr is where a node with the settings of this environment listens.
func defaultAddr() string {
	return reachable(cmp.Or(os.Getenv(envName("addr")), "127.0.0.1:6379"))
}

// resolve checks the options and completes them from the environment.
func (t *target) resolve() error {
	for _, addr := range t.addrs() {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("--addr %q is not HOST:PORT", addr)
		}
	}
	if t.timeout <= 0 {
		return errors.New("--timeout is more than 0")
	}
	for _, name := range []string{envPassword, envName("requirepass")} {
		if t.password == "" {
			t.password = os.Getenv(name)
		}
	}
	return nil
}

func (t *target) addrs() []string { return strings.Split(t.addr, ",") }

// envPassword is for the tools alone; serve leaves it alone.
const envPassword = envPrefix + "PASSWORD"
