package main

import (
	"cmp"
	"errors"
	"net"
	"slices"
)

// Parameter is one name and value of CONFIG GET.
type Parameter struct{ Name, Value string }

// Parameters lists what CONFIG GET can show, sorted by name: every setting but
// the cluster's secret, and the names under which tools look in Redis.
func (c *Config) Parameters() []Parameter {
	var out []Parameter
	for _, s := range settings() {
		if s.secret && !s.live {
			continue
		}
		out = append(out, Parameter{s.name, s.value(c).redis()})
	}
	host, port, _ := net.SplitHostPort(c.Addr)
	appendfsync := "always"
	if !c.Fsync {
		appendfsync = "no"
	}
	out = append(out,
		Parameter{"appendfsync", appendfsync},
		Parameter{"appendonly", "yes"},
		Parameter{"bind", host},
		Parameter{"cluster-enabled", "no"},
		Parameter{"dir", c.DataDir},
		Parameter{"maxmemory-policy", "noeviction"},
		Parameter{"port", port},
		Parameter{"save", ""},
	)
	slices.SortFunc(out, func(a, b Parameter) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

var (
	errUnknownParameter   = errors.New("unknown parameter")
	errImmutableParameter = errors.New("can't set immutable config")
)

// With returns a copy in which one parameter has another value, as CONFIG SET
// wants it; c itself is not changed. The error is errUnknownParameter,
// errImmutableParameter or says what is wrong with the value.
func (c *Config) With(name, value string) (*Config, error) {
	s, ok := lookupSetting(name)
	if !ok {
		if slices.ContainsFunc(c.Parameters(), func(p Parameter) bool { return p.Name == name }) {
			return nil, errImmutableParameter
		}
		return nil, errUnknownParameter
	}
	if !s.live {
		return nil, errImmutableParameter
	}
	d := c.clone()
	if err := s.value(d).set(value); err != nil {
		return nil, err
	}
	d.origins[name] = "CONFIG SET"
	return d, d.check()
}
