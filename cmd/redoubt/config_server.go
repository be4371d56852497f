package main

import (
	"net"

	"redoubt/resp/server"
)

// serverSettings hands over what the server of the clients works with. It has
// the parameters that CONFIG SET can change; the others it only shows.
func (c *Config) serverSettings() *server.Settings {
	v := server.DefaultValues()
	v.RequirePass = c.RequirePass
	v.ProtectedMode = c.ProtectedMode
	v.MaxClients = c.MaxClients
	v.MaxMemoryBytes = c.MaxMemoryBytes
	v.TimeoutSeconds = c.TimeoutSeconds
	v.KeepAliveSeconds = c.TCPKeepaliveSeconds
	v.MaxBulkBytes = int(c.ProtoMaxBulkBytes)
	v.MaxQueryBytes = int(c.QueryBufferBytes)
	v.MaxOutputBytes = int(c.OutputBufferBytes)
	v.Databases = c.Databases
	v.Shown = c.shown()
	return server.NewSettings(v)
}

// shown lists the settings of the process for CONFIG GET, and some of them once
// more under Redis's names. The cluster's secret is not among them.
func (c *Config) shown() []server.Parameter {
	var out []server.Parameter
	for _, s := range settings() {
		if !s.server && !s.secret {
			out = append(out, server.Parameter{Name: s.name, Value: s.value(c).text()})
		}
	}
	host, port, _ := net.SplitHostPort(c.Addr)
	appendfsync := "always"
	if !c.Fsync {
		appendfsync = "no"
	}
	return append(out,
		server.Parameter{Name: "appendfsync", Value: appendfsync},
		server.Parameter{Name: "bind", Value: host},
		server.Parameter{Name: "dir", Value: c.DataDir},
		server.Parameter{Name: "port", Value: port},
	)
}
