package fsm

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateDocument = flag.Bool("update", false, "write docs/COMMANDS.md anew from the command table")

const commandsDocument = "../docs/COMMANDS.md"

// TestGeneratedCommands keeps docs/COMMANDS.md what the table says.
func TestGeneratedCommands(t *testing.T) {
	want := commandsMarkdown()
	if *updateDocument {
		if err := os.WriteFile(commandsDocument, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(commandsDocument)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/COMMANDS.md is not what the table says: go test ./fsm -run TestGeneratedCommands -update")
	}
}

var documentGroups = []struct{ group, title string }{
	{"string", "Strings"},
	{"bitmap", "Bits"},
	{"generic", "Keys"},
	{"transactions", "Transactions"},
	{"connection", "Connections"},
	{"server", "Server"},
	{"cluster", "Cluster"},
}

func commandsMarkdown() []byte {
	var b bytes.Buffer
	count := 0
	eachSpec(func(s *Spec) {
		if !s.Container() {
			count++
		}
	})
	fmt.Fprintf(&b, `# Commands

<!-- Generated from the command table: go test ./fsm -run TestGeneratedCommands -update -->

redoubt answers %d commands, byte for byte as Redis 7.0 does unless a difference is noted. A command
that is not listed gets Redis's error for an unknown command. The same facts are served by COMMAND,
COMMAND DOCS and HELP.

The class says who executes a command:

- **write**: goes through the log; the reply means that a majority has it on disk.
- **read**: is linearizable on every node and does not go through the log.
- **session**: the node that holds the connection answers alone.

Any command may also be answered with CLUSTERDOWN, TRYAGAIN, UNCERTAIN or MISCONF; docs/CONSISTENCY.md
says what they promise. Expiry follows the time of the log, on all nodes alike.

In the syntax, capitals are literal, [ ] may be left out, < > groups, | separates alternatives and ... repeats.
*Since* is the release of Redis that brought the command, or of redoubt for those that only it has.
`, count)
	for _, g := range documentGroups {
		writeGroup(&b, g.group, g.title)
	}
	return b.Bytes()
}

func writeGroup(b *bytes.Buffer, group, title string) {
	var rows bytes.Buffer
	eachSpec(func(s *Spec) {
		if s.Group != group || s.Container() && s.Arity != -1 { // COMMAND alone is a command, too
			return
		}
		text := s.Summary
		if s.DeprecatedSince != "" {
			text += fmt.Sprintf(" Deprecated since %s, use %s.", s.DeprecatedSince, strings.NewReplacer("`", "", "!", "").Replace(s.ReplacedBy))
		}
		if s.Differences != "" {
			text += " **Difference:** " + s.Differences
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |\n",
			strings.ReplaceAll(s.Usage(), "|", `\|`), s.Class, s.Since, s.Complexity, text)
	})
	if rows.Len() == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| Command | Class | Since | Complexity | |\n|---|---|---|---|---|\n%s", title, rows.Bytes())
}

func TestDocumentHasEveryGroup(t *testing.T) {
	eachSpec(func(s *Spec) {
		for _, g := range documentGroups {
			if g.group == s.Group {
				return
			}
		}
		t.Errorf("%s: docs/COMMANDS.md has no group %s", s.Name, s.Group)
	})
}
