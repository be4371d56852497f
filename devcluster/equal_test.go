package devcluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// said reads "role term last hash@index"; "-" is no answer.
func said(t *testing.T, node, text string) answer {
	t.Helper()
	if text == "-" {
		return answer{node: node, err: errors.New("no answer")}
	}
	s := Status{Node: node}
	text = strings.Replace(text, "@", " ", 1)
	if _, err := fmt.Sscan(text, &s.Role, &s.Term, &s.LastIndex, &s.StateHash, &s.StateHashIndex); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return answer{node: node, status: s}
}

// Three nodes are looked at again and again; the last look decides.
func TestAgreement(t *testing.T) {
	for _, tt := range []struct {
		name  string
		looks [][3]string
		want  string // "equal", "diverged" or ""
	}{
		{"all have everything", [][3]string{
			{"leader 5 10 a@10", "follower 5 10 a@10", "follower 5 10 a@10"}}, "equal"},
		{"one has not applied the last entry", [][3]string{
			{"leader 5 10 a@10", "follower 5 10 a@10", "follower 5 10 b@9"}}, ""},
		{"nobody has applied the last entry", [][3]string{
			{"leader 5 10 b@9", "follower 5 9 b@9", "follower 5 9 b@9"}}, ""},
		{"one has not said anything", [][3]string{
			{"leader 5 10 a@10", "follower 5 10 a@10", "-"}}, ""},
		{"one answers later", [][3]string{
			{"leader 5 10 a@10", "follower 5 10 a@10", "-"},
			{"leader 5 10 a@10", "-", "follower 5 10 a@10"},
			{"leader 5 10 a@10", "follower 5 10 a@10", "follower 5 10 a@10"}}, "equal"},
		{"the leader goes on and is never met at rest", [][3]string{
			{"leader 5 11 a@10", "follower 5 10 b@9", "follower 5 10 a@10"},
			{"leader 5 13 d@12", "follower 5 12 c@11", "follower 5 11 a@10"},
			{"leader 5 14 e@13", "follower 5 13 d@12", "follower 5 12 d@12"}}, "equal"},
		{"equal only before the last entry of the first look", [][3]string{
			{"leader 5 11 a@10", "follower 5 11 b@9", "follower 5 11 b@9"},
			{"leader 5 11 a@10", "follower 5 11 a@10", "follower 5 11 a@10"}}, ""},
		{"different states", [][3]string{
			{"leader 5 10 a@10", "follower 5 10 a@10", "follower 5 10 b@10"}}, "diverged"},
		{"different states, seen one after the other", [][3]string{
			{"leader 5 10 a@9", "follower 5 9 x@8", "follower 5 9 x@8"},
			{"leader 5 10 c@10", "follower 5 10 b@9", "follower 5 10 b@9"}}, "diverged"},
		{"no leader", [][3]string{
			{"follower 5 10 a@10", "follower 5 10 a@10", "candidate 6 10 a@10"}}, ""},
		{"a leader that was deposed does not count", [][3]string{
			{"leader 5 10 a@10", "follower 6 12 a@10", "follower 6 12 a@10"}}, ""},
		{"what a leader had not committed is gone with it", [][3]string{
			{"leader 5 19 a@10", "follower 5 10 a@10", "follower 5 10 a@10"},
			{"follower 6 11 c@11", "leader 6 11 c@11", "follower 6 11 c@11"}}, "equal"},
	} {
		a := newAgreement(3)
		var equal bool
		var err error
		for _, look := range tt.looks {
			for i, text := range look {
				a.answers[i] = said(t, nodeID(i), text)
			}
			equal, err = a.reached()
		}
		got := ""
		var diverged *DivergedError
		switch {
		case errors.As(err, &diverged):
			got = "diverged"
		case equal:
			got = "equal"
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, err)
		}
	}
}

// Whoever waits in vain learns what each node said last.
func TestAgreementExplainsItself(t *testing.T) {
	a := newAgreement(3)
	a.answers[0] = said(t, "n1", "leader 5 10 a@10")
	a.answers[1] = said(t, "n2", "follower 5 10 b@9")
	a.answers[1].err = errors.New("timeout")
	a.answers[2] = said(t, "n3", "-")
	for _, want := range []string{
		"n1: leader in term 5, ", "last 10, ", "hash a at 10, ", "n2: timeout; before that follower in term 5, ", "hash b at 9", "n3: no answer",
	} {
		if got := a.String(); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
