package main

import (
	"fmt"
	"io"
	"strings"
)

const serveUsage = `Run one node.

Usage: redoubt serve [--name value]…

Without any setting this is a usable node on 127.0.0.1:6379 that keeps its data
in ./redoubt-data. Each setting can also be given as an environment variable
(--data-dir is REDOUBT_DATA_DIR) or as a line of the file that --config names
(data-dir /srv/redoubt). A flag wins over the environment, the environment over
the file. "redoubt config show" prints what is in force and where it came from.
`

// writeHelp writes the help text of serve.
func writeHelp(w io.Writer) {
	io.WriteString(w, serveUsage)
	group := ""
	for _, s := range settings() {
		if s.group != group {
			group = s.group
			fmt.Fprintf(w, "\n%s\n", group)
		}
		fmt.Fprintf(w, "  --%s %s\n", s.name, s.placeholder())
		text := s.help
		if d := s.shownDefault(); d != "" {
			text += " [" + d + "]"
		}
		for _, line := range wrap(text, 70) {
			fmt.Fprintf(w, "        %s\n", line)
		}
	}
}

func (s *setting) shownDefault() string {
	if s.shown != "" {
		return s.shown
	}
	return s.def
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// settingsTable is the table of docs/OPERATIONS.md.
func settingsTable() string {
	var b strings.Builder
	group := ""
	for _, s := range settings() {
		if s.group != group {
			group = s.group
			fmt.Fprintf(&b, "\n**%s**\n\n| Setting | Value | Default | Live | Meaning |\n|---|---|---|---|---|\n", group)
		}
		live := ""
		if s.live {
			live = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.name,
			strings.ReplaceAll(s.placeholder(), "|", `\|`), s.shownDefault(), live, strings.ReplaceAll(s.help, "|", `\|`))
	}
	return b.String()
}

// writeSettings lists what is in force: name, value, origin.
func writeSettings(w io.Writer, c *Config) {
	for _, s := range settings() {
		text := s.value(c).text()
		switch {
		case s.secret && text != "":
			text = "(set)"
		case text == "" || strings.ContainsAny(text, " \t\"'"):
			text = fmt.Sprintf("%q", text)
		}
		fmt.Fprintf(w, "%-27s %-24s %s\n", s.name, text, c.Origin(s.name))
	}
}
