package grafana

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redoubt/metrics"
)

// shipped is the part of the dashboard's JSON that the tests look at: what
// Grafana gets, not the table that it was made from.
type shipped struct {
	UID           string
	SchemaVersion int
	Editable      bool
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
	Panels        []shippedPanel
}

type variable struct {
	Type, Name string
	Datasource *datasource
}

type annotation struct {
	Datasource datasource
	Target     struct{ Expr string }
}

type datasource struct{ Type, UID string }

type shippedPanel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               datasource
	Targets                  []target
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Value *float64 } }
		}
	}
}

type target struct {
	RefID, Expr, LegendFormat string
	Datasource                datasource
}

func load(t *testing.T) shipped {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d shipped
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPanelsHaveTheirPlaces(t *testing.T) {
	d := load(t)
	ids := map[int]string{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if other, ok := ids[p.ID]; ok || p.ID <= 0 {
			t.Errorf("%q and %q have the id %d", p.Title, other, p.ID)
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%q does not fit into 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestPanelsAreComplete(t *testing.T) {
	d := load(t)
	if d.UID != "redoubt" || d.SchemaVersion != 42 || d.Editable {
		t.Errorf("uid %q, schemaVersion %d, editable %v", d.UID, d.SchemaVersion, d.Editable)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Type == "query" && *v.Datasource != (datasource{"prometheus", "${datasource}"}) {
			t.Errorf("variable %s asks %+v", v.Name, v.Datasource)
		}
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(names, want) {
		t.Errorf("variables %v, want %v", names, want)
	}
	titles := map[string]bool{}
	count := 0
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		count++
		steps := p.FieldConfig.Defaults.Thresholds.Steps
		switch {
		case p.Title == "" || titles[p.Title]:
			t.Errorf("panel %d: title %q is missing or there twice", p.ID, p.Title)
		case p.Description == "" || p.FieldConfig.Defaults.Unit == "":
			t.Errorf("%q has no description or no unit", p.Title)
		case p.Datasource != (datasource{"prometheus", "${datasource}"}):
			t.Errorf("%q asks %+v, not the chosen data source", p.Title, p.Datasource)
		case len(p.Targets) == 0:
			t.Errorf("%q asks nothing", p.Title)
		case len(steps) == 0 || steps[0].Value != nil:
			t.Errorf("%q: the first threshold is not open below", p.Title)
		}
		titles[p.Title] = true
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.Expr == "" || q.RefID == "" || refs[q.RefID] || q.Datasource.UID != "${datasource}" {
				t.Errorf("%q: query %+v", p.Title, q)
			}
			if q.LegendFormat == "" && p.Type != "table" {
				t.Errorf("%q: query %s has no legend", p.Title, q.RefID)
			}
			refs[q.RefID] = true
		}
	}
	if count < 41 {
		t.Errorf("%d panels, want 41 at least", count)
	}
}

// queries of the dashboard, the annotations' included, and the alerts, by where
// they stand.
func queries(t *testing.T) map[string]string {
	t.Helper()
	d := load(t)
	all := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all[p.Title+" "+q.RefID] = q.Expr
		}
	}
	for i, a := range d.Annotations.List {
		all["annotation "+string(rune('1'+i))] = a.Target.Expr
	}
	for name, text := range rules(t) {
		_, expr, _ := strings.Cut(text, "expr:")
		expr, _, _ = strings.Cut(expr, "labels:")
		all[name] = expr
	}
	return all
}

var (
	seriesInQuery   = regexp.MustCompile(`\b(redoubt_\w+)(\{[^}]*\})?`)
	labelInSelector = regexp.MustCompile(`(\w+) *(?:=~|=|!=|!~)`)
	counted         = regexp.MustCompile(`\b(?:rate|increase)\((\w+)`)
	rangeInQuery    = regexp.MustCompile(`\[([^\]]+)\]`)
)

func catalogue() map[string]metrics.Series {
	series := map[string]metrics.Series{}
	for _, s := range metrics.Catalogue() {
		if s.Type != "histogram" {
			series[s.Name] = s
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			series[s.Name+suffix] = s
		}
	}
	return series
}

// A panel of a series that does not exist stays empty, and nobody knows why.
func TestQueriesUseSeriesThatExist(t *testing.T) {
	known := catalogue()
	for where, expr := range queries(t) {
		for _, m := range seriesInQuery.FindAllStringSubmatch(expr, -1) {
			s, ok := known[m[1]]
			if !ok {
				t.Errorf("%s: there is no %s", where, m[1])
				continue
			}
			for _, l := range labelInSelector.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(append([]string{"job", "instance"}, s.Labels...), l[1]) {
					t.Errorf("%s: %s has no label %s", where, m[1], l[1])
				}
			}
		}
	}
}

func TestEverySeriesIsShown(t *testing.T) {
	shown := map[string]bool{}
	known := catalogue()
	for where, expr := range queries(t) {
		if strings.HasPrefix(where, "Redoubt") {
			continue // an alert
		}
		for _, m := range seriesInQuery.FindAllStringSubmatch(expr, -1) {
			shown[known[m[1]].Name] = true
		}
	}
	for _, s := range metrics.Catalogue() {
		if !shown[s.Name] {
			t.Errorf("no panel shows %s", s.Name)
		}
	}
}

func TestQueriesAreSound(t *testing.T) {
	known := catalogue()
	for where, expr := range queries(t) {
		if strings.ContainsAny(expr, "@#") {
			t.Errorf("%s: not expanded: %s", where, expr)
		}
		for _, m := range counted.FindAllStringSubmatch(expr, -1) {
			if s := known[m[1]]; s.Type == "gauge" {
				t.Errorf("%s: the rate of a gauge, %s", where, m[1])
			}
		}
		// OpenMetrics writes whole numbers with a fraction: quantile="1.0".
		if regexp.MustCompile(`\b(le|quantile)=~?"\d+"`).MatchString(expr) {
			t.Errorf("%s: a whole number is matched: %s", where, expr)
		}
		// A fixed range has gaps as soon as scrapes are further apart than half of it.
		for _, m := range rangeInQuery.FindAllStringSubmatch(expr, -1) {
			if fixed := []string{"1m", "5m", "15m", "1h"}; m[1] != "$__rate_interval" && !slices.Contains(fixed, m[1]) {
				t.Errorf("%s: range %s", where, m[1])
			}
		}
	}
}
