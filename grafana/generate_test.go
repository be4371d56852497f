package grafana

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
)

const dashboardFile = "dashboards/redoubt.json"

var update = flag.Bool("update", false, "write the dashboard")

// TestGeneratedDashboard compares the dashboard with the table it is made from;
// "make docs" writes it.
func TestGeneratedDashboard(t *testing.T) {
	want, err := json.MarshalIndent(dashboard(rows()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	// Queries are to be read.
	for escaped, char := range map[string]string{`\u003e`: ">", `\u003c`: "<", `\u0026`: "&"} {
		want = bytes.ReplaceAll(want, []byte(escaped), []byte(char))
	}
	want = append(want, '\n')
	got, err := os.ReadFile(dashboardFile)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	if !*update {
		t.Fatalf("%s differs from the table: run make docs (%v)", dashboardFile, err)
	}
	if err := os.WriteFile(dashboardFile, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// object is one of the JSON of Grafana's classic model.
type object = map[string]any

type list = []any

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func dashboard(rows []row) object {
	return object{
		"uid":                  "redoubt",
		"title":                "redoubt",
		"description":          "Health, traffic, consensus and disks of a redoubt cluster.",
		"tags":                 list{"redoubt"},
		"schemaVersion":        42,
		"version":              1,
		"editable":             false,
		"graphTooltip":         1, // one crosshair for all panels
		"refresh":              "10s",
		"time":                 object{"from": "now-30m", "to": "now"},
		"timezone":             "browser",
		"fiscalYearStartMonth": 0,
		"timepicker":           object{},
		"links":                list{},
		"templating":           object{"list": variables()},
		"annotations":          object{"list": annotations()},
		"panels":               layOut(rows),
	}
}

func variables() list {
	choose := func(name, label, query string, more object) object {
		v := object{
			"type": "query", "name": name, "label": label, "datasource": source(), "refresh": 2, "sort": 1, "hide": 0,
			"query": object{"qryType": 1, "query": query, "refId": "variable"},
			"multi": false, "includeAll": false, "regex": "", "options": list{}, "skipUrlSync": false,
		}
		for k, x := range more {
			v[k] = x
		}
		return v
	}
	return list{
		object{
			"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1, "hide": 0,
			"regex": "", "multi": false, "includeAll": false, "options": list{}, "skipUrlSync": false,
		},
		choose("job", "Cluster", "label_values(redoubt_build_info, job)", nil),
		choose("instance", "Node", `label_values(redoubt_build_info{job="$job"}, instance)`,
			object{"multi": true, "includeAll": true, "allValue": ".+", "current": object{"text": list{"All"}, "value": list{"$__all"}}}),
	}
}

func annotations() list {
	mark := func(name, color, expr, title string) object {
		return object{
			"name": name, "datasource": source(), "enable": true, "hide": false, "iconColor": color,
			"target":      object{"refId": "Anno", "expr": expand(expr), "legendFormat": title, "interval": "10s"},
			"titleFormat": title,
		}
	}
	return list{
		mark("Elections", "orange", "max(changes(redoubt_raft_term{#}[1m])) > 0", "election"),
		mark("Restarts", "purple", "changes(process_start_time_seconds{#}[1m]) > 0", "{{instance}} restarted"),
	}
}

// layOut puts panels side by side until a line is full, and rows one below the
// other.
func layOut(rows []row) (panels list) {
	id, y := 0, 0
	next := func() int { id++; return id }
	for _, r := range rows {
		panels = append(panels, object{
			"id": next(), "type": "row", "title": r.title, "collapsed": false, "panels": list{},
			"gridPos": object{"x": 0, "y": y, "w": 24, "h": 1},
		})
		y++
		x, line := 0, 0
		for _, p := range r.panels {
			if x+p.width > 24 {
				x, y, line = 0, y+line, 0
			}
			o := p.object()
			o["id"] = next()
			o["gridPos"] = object{"x": x, "y": y, "w": p.width, "h": p.height}
			panels = append(panels, o)
			x, line = x+p.width, max(line, p.height)
		}
		y += line
	}
	return panels
}

func expand(expr string) string {
	expr = strings.ReplaceAll(expr, "@", `job="$job",instance=~"$instance"`)
	return strings.ReplaceAll(expr, "#", `job="$job"`)
}

func (p *panel) object() object {
	options, custom := p.options()
	defaults := object{"unit": p.unit, "color": p.colors(), "custom": custom, "mappings": mappings(p.texts)}
	if p.unit == "" {
		defaults["unit"] = "none"
	}
	defaults["thresholds"] = object{"mode": "absolute", "steps": p.steps()}
	if p.max > 0 {
		defaults["max"] = p.max
	}
	if p.kind == "timeseries" {
		defaults["min"] = 0
	}
	o := object{
		"type": p.kind, "title": p.title, "description": p.about, "datasource": source(),
		"fieldConfig": object{"defaults": defaults, "overrides": p.overrides()},
		"options":     options,
		"targets":     p.targets(),
	}
	if p.kind == "table" {
		o["transformations"] = p.transformations()
	}
	return o
}

func (p *panel) targets() (targets list) {
	for i, q := range p.queries {
		t := object{
			"refId": string(rune('A' + i)), "datasource": source(), "editorMode": "code",
			"expr": expand(q.expr), "legendFormat": q.legend, "range": true, "instant": false, "format": "time_series",
		}
		switch {
		case p.kind == "heatmap":
			t["format"] = "heatmap"
		case p.kind == "table":
			t["format"], t["range"], t["instant"] = "table", false, true
		case p.show == "name":
			// Over a range, whoever has led in it would be named.
			t["range"], t["instant"] = false, true
		}
		targets = append(targets, t)
	}
	return targets
}

func (p *panel) steps() (steps list) {
	for i, l := range p.levels {
		step := object{"color": l.color, "value": l.from}
		if i == 0 {
			step["value"] = nil // minus infinity
		}
		steps = append(steps, step)
	}
	if steps == nil {
		return list{object{"color": "green", "value": nil}}
	}
	return steps
}

func (p *panel) colors() object {
	if p.kind == "stat" {
		return object{"mode": "thresholds"}
	}
	return object{"mode": "palette-classic"}
}

func mappings(texts []text) list {
	if texts == nil {
		return list{}
	}
	options := object{}
	for i, t := range texts {
		options[t.value] = object{"text": t.word, "color": t.color, "index": i}
	}
	return list{object{"type": "value", "options": options}}
}
