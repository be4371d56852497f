package grafana

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "prometheus"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPrometheusTakesTheConfiguration(t *testing.T) {
	promtool(t, "check", "config", "prometheus.yml")
}

func TestPrometheusTakesTheAlerts(t *testing.T) { promtool(t, "check", "rules", "alerts.yml") }

func TestAlertsFireWhenTheyShould(t *testing.T) { promtool(t, "test", "rules", "alerts_test.yml") }

// rules are the alerts by name, as text.
func rules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, rule := range strings.Split(string(text), "- alert: ")[1:] {
		name, body, _ := strings.Cut(rule, "\n")
		if all[name] != "" {
			t.Errorf("%s is there twice", name)
		}
		all[name] = body
	}
	if len(all) < 10 {
		t.Fatalf("only %d alerts found", len(all))
	}
	return all
}

// An alert that wakes somebody has to say what to do.
func TestAlertsAreExplainedAndTested(t *testing.T) {
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("prometheus/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := rules(t)
	for name, body := range all {
		for _, needed := range []string{
			"expr:", "labels: {severity: ", "summary: ", "description: ", "runbook: docs/OPERATIONS.md#" + strings.ToLower(name) + "\n",
		} {
			if !strings.Contains(body, needed) {
				t.Errorf("%s lacks %q", name, needed)
			}
		}
		if !strings.Contains(string(page), "\n### "+name+"\n\n") {
			t.Errorf("docs/OPERATIONS.md does not explain %s", name)
		}
		if fires := regexp.MustCompile(`alertname: ` + name + `\n +exp_alerts:`); !fires.Match(tests) {
			t.Errorf("no test fires %s", name)
		}
		if !strings.Contains(string(tests), "alertname: "+name+"}") {
			t.Errorf("no test shows %s silent", name)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Redoubt\w+)$`).FindAllStringSubmatch(string(page), -1) {
		if all[m[1]] == "" {
			t.Errorf("docs/OPERATIONS.md explains %s, which does not exist", m[1])
		}
	}
}
