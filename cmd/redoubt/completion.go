package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

const completionUsage = `Print a script that lets a shell complete redoubt's subcommands and flags.

Usage: redoubt completion bash
       redoubt completion zsh
       redoubt completion fish

For the running shell, or at the end of its ~/.bashrc or ~/.zshrc:

  source <(redoubt completion bash)
  source <(redoubt completion zsh)
  redoubt completion fish | source
`

func runCompletion(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 {
		switch args[0] {
		case "bash":
			io.WriteString(stdout, bashCompletion(completions(ctx)))
			return exitOK
		case "zsh":
			io.WriteString(stdout, "autoload -Uz bashcompinit && bashcompinit\n"+bashCompletion(completions(ctx)))
			return exitOK
		case "fish":
			io.WriteString(stdout, fishCompletion(completions(ctx)))
			return exitOK
		case "--help", "-h":
			io.WriteString(stdout, completionUsage)
			return exitOK
		}
	}
	return usageError(stderr, "completion needs bash, zsh or fish", "redoubt help completion")
}

// completion is what may follow a subcommand.
type completion struct {
	path    string // "serve", or "config check"
	summary string
	words   []string
	flags   []completionFlag
}

// completionFlag is a flag as the help text shows it.
type completionFlag struct {
	name  string // without the dashes
	value string // "" = a switch; "yes|no" are words, FILE and DIR are files
	help  string
}

// completions reads the help texts: what they do not mention is not completed,
// and there is no second list that could differ from them.
func completions(ctx context.Context) []completion {
	var all []completion
	for _, c := range commands() {
		text := helpText(ctx, c.name)
		first := completion{path: c.name, summary: c.summary, flags: flagsIn(text)}
		if c.name == "help" {
			for _, other := range commands() {
				first.words = append(first.words, other.name)
			}
		}
		var below []completion
		usage := regexp.MustCompile(`(?m)^(?:Usage:|      ) redoubt ` + c.name + ` ([a-z]+)(.*)$`)
		for _, m := range usage.FindAllStringSubmatch(text, -1) {
			first.words = append(first.words, m[1])
			sub := completion{path: c.name + " " + m[1]}
			if strings.Contains(m[2], "[--name value]") {
				sub.flags = flagsIn(helpText(ctx, c.name, m[1]))
				if len(sub.flags) == 0 {
					sub.flags = all[0].flags // those of serve, as its help text says
				}
			}
			below = append(below, sub)
		}
		all = append(append(all, first), below...)
	}
	return all
}

func helpText(ctx context.Context, command ...string) string {
	var out bytes.Buffer
	dispatch(ctx, append(slices.Clone(command), "--help"), &out, io.Discard)
	return out.String()
}

// flagLine matches a flag at the beginning of a line: a value follows after one
// space, what it means after more or in the next line.
var flagLine = regexp.MustCompile(`(?m)^  --([a-z0-9-]+)(?: (\S+))?(?:\n? +(\S.*))?$`)

func flagsIn(help string) []completionFlag {
	var flags []completionFlag
	for _, m := range flagLine.FindAllStringSubmatch(help, -1) {
		flags = append(flags, completionFlag{m[1], m[2], m[3]})
	}
	return flags
}

// choices are the words that a value is one of, nil when it is anything.
func (f *completionFlag) choices() []string {
	if strings.Contains(f.value, "|") && strings.ToUpper(f.value) != f.value {
		return strings.Split(f.value, "|")
	}
	return nil
}

func (f *completionFlag) isFile() bool { return f.value == "FILE" || f.value == "DIR" }

// topLevel are the paths of one word.
func topLevel(all []completion) (names []string) {
	for _, c := range all {
		if !strings.Contains(c.path, " ") {
			names = append(names, c.path)
		}
	}
	return names
}

func bashCompletion(all []completion) string {
	var paths, values, words strings.Builder
	for _, c := range all {
		if strings.Contains(c.path, " ") {
			fmt.Fprintf(&paths, "\t\"%s\") path=\"%s\" ;;\n", c.path, c.path)
		}
		list := slices.Clone(c.words)
		for _, f := range c.flags {
			list = append(list, "--"+f.name)
			label := "\"" + c.path + " --" + f.name + "\""
			switch {
			case f.choices() != nil:
				fmt.Fprintf(&values, "\t%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", label, strings.Join(f.choices(), " "))
			case f.isFile():
				fmt.Fprintf(&values, "\t%s) type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", label)
			case f.value != "":
				fmt.Fprintf(&values, "\t%s) return ;;\n", label)
			}
		}
		fmt.Fprintf(&words, "\t\"%s\") words=\"%s\" ;;\n", c.path, strings.Join(list, " "))
	}
	names := topLevel(all)
	return `_redoubt() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=serve words=
	# bash makes three words of --name=value
	if [[ $cur == = ]]; then cur=
	elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	COMPREPLY=()
	if ((COMP_CWORD > 1)); then
		case ${COMP_WORDS[1]} in
		` + strings.Join(names, "|") + `) path=${COMP_WORDS[1]} ;;
		esac
	fi
	if ((COMP_CWORD > 2)); then
		case "$path ${COMP_WORDS[2]}" in
` + paths.String() + `		esac
	fi
	case "$path $prev" in
` + values.String() + `	esac
	case $path in
` + words.String() + `	esac
	if ((COMP_CWORD == 1)); then words="` + strings.Join(names, " ") + ` $words"; fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _redoubt redoubt
`
}

func fishCompletion(all []completion) string {
	var b strings.Builder
	names := strings.Join(topLevel(all), " ")
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	b.WriteString("complete -c redoubt -f\n")
	for _, c := range all {
		first, second, isBelow := strings.Cut(c.path, " ")
		when := "__fish_seen_subcommand_from " + first
		switch {
		case isBelow:
			when += "; and __fish_seen_subcommand_from " + second
		case len(c.words) > 0 && c.path != "help":
			when += "; and not __fish_seen_subcommand_from " + strings.Join(c.words, " ")
		}
		if !isBelow {
			fmt.Fprintf(&b, "complete -c redoubt -n %s -a %s -d %s\n", quote("not __fish_seen_subcommand_from "+names), first, quote(c.summary))
		}
		if len(c.words) > 0 {
			fmt.Fprintf(&b, "complete -c redoubt -n %s -a %s\n", quote(when), quote(strings.Join(c.words, " ")))
		}
		for _, f := range c.flags {
			more := ""
			switch {
			case f.choices() != nil:
				more = " -x -a " + quote(strings.Join(f.choices(), " "))
			case f.isFile():
				more = " -r -F"
			case f.value != "":
				more = " -x"
			}
			fmt.Fprintf(&b, "complete -c redoubt -n %s -l %s%s -d %s\n", quote(when), f.name, more, quote(f.help))
		}
	}
	return b.String()
}
