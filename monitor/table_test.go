package monitor

import (
	"errors"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	w := three()
	w.dies(1)
	w.leads(2, 8)
	w.node(3).err = errors.New("timed out")
	s := w.snapshot()
	var b strings.Builder
	if err := WriteTable(&b, &s); err != nil {
		t.Fatal(err)
	}
	want := `
ID  ADDRESS        ROLE         TERM  LAST  COMMIT  APPLIED  LAG  UPTIME  USED  FREE  VERSION
n1  10.0.0.1:6379  unreachable     –     –       –        –    –       –     –     –  –
n2  10.0.0.2:6379  leader          8  1234    1234     1234    0   2h13m  3.0M   80G  0.1.0
n3  10.0.0.3:6379  unreachable     –     –       –        –    –       –     –     –  –

n1: connection refused
n3: timed out; connected to n2
degraded: n1 and n3 do not answer; 1 of 3 members up, leader n2, term 8
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("the table is%s\nwant%s", got, want)
	}
}
