package grafana

// options returns what is particular to a kind of panel, and to how it draws its
// fields.
func (p *panel) options() (options, custom object) {
	switch p.kind {
	case "stat":
		return p.statOptions(), object{}
	case "timeseries":
		return p.timeseriesOptions()
	case "heatmap":
		return p.heatmapOptions(), object{}
	case "state-timeline":
		return object{
			"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.85,
			"legend":  object{"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": list{}},
			"tooltip": object{"mode": "single", "sort": "none"},
		}, object{"fillOpacity": 75, "lineWidth": 0}
	case "table":
		return object{
			"frameIndex": 0, "showHeader": true, "cellHeight": "sm", "sortBy": list{object{"displayName": "Node", "desc": false}},
		}, object{"align": "auto", "cellOptions": object{"type": "auto"}, "inspect": false}
	}
	panic("no panel of kind " + p.kind)
}

func (p *panel) statOptions() object {
	o := object{
		"reduceOptions": object{"calcs": list{"lastNotNull"}, "fields": "", "values": false},
		"orientation":   "auto", "textMode": "auto", "wideLayout": true, "justifyMode": "auto", "showPercentChange": false,
		"percentChangeColorMode": "standard",
		"colorMode":              "value", "graphMode": "area",
	}
	if len(p.texts) > 0 {
		o["colorMode"], o["graphMode"] = "background", "none"
	}
	if p.show == "name" {
		o["textMode"], o["graphMode"] = "name", "none"
	}
	if len(p.queries) > 1 {
		o["graphMode"] = "none"
	}
	return o
}

func (p *panel) timeseriesOptions() (options, custom object) {
	custom = object{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 5, "gradientMode": "none", "lineInterpolation": "linear",
		"showPoints": "never", "spanNulls": false, "axisPlacement": "auto", "axisLabel": "",
		"scaleDistribution": object{"type": "linear"},
		"stacking":          object{"mode": "none", "group": "A"},
		"thresholdsStyle":   object{"mode": "off"},
	}
	if p.show == "stack" {
		custom["fillOpacity"], custom["stacking"] = 30, object{"mode": "normal", "group": "A"}
	}
	if p.levels != nil {
		custom["thresholdsStyle"] = object{"mode": "dashed"}
	}
	return object{
		"legend":  object{"showLegend": true, "displayMode": "table", "placement": "bottom", "calcs": list{"lastNotNull", "max"}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}, custom
}

func (p *panel) heatmapOptions() object {
	return object{
		"calculate": false, "cellGap": 1, "showValue": "never",
		"color":        object{"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false, "scale": "exponential"},
		"yAxis":        object{"unit": p.unit, "axisPlacement": "left", "reverse": false},
		"rowsFrame":    object{"layout": "auto"},
		"legend":       object{"show": true},
		"tooltip":      object{"mode": "single", "yHistogram": false, "showColorScale": false},
		"exemplars":    object{"color": "rgba(255,0,255,0.7)"},
		"filterValues": object{"le": 1e-9},
	}
}

// field is the name that the value of the table's query i has before it is
// renamed.
func field(i int) string { return "Value #" + string(rune('A'+i)) }

// transformations join the queries of a table by node. A column without a unit
// of its own, the build, is one of labels: its value, which is 1, is hidden.
func (p *panel) transformations() list {
	rename := object{"instance": "Node", "version": "Version"}
	order := object{"instance": 0, "version": 2}
	hide := object{"Time": true}
	for i, c := range p.columns {
		rename[field(i)] = c.title
		order[field(i)] = i + 1 + min(i, 1)
		if c.title == "Build" {
			hide[field(i)] = true
		}
	}
	return list{
		object{"id": "merge", "options": object{}},
		object{"id": "organize", "options": object{"excludeByName": hide, "renameByName": rename, "indexByName": order}},
	}
}

func (p *panel) overrides() list {
	overrides := list{}
	for _, c := range p.columns {
		properties := list{object{"id": "unit", "value": c.unit}}
		if c.texts != nil {
			properties = append(properties,
				object{"id": "mappings", "value": mappings(c.texts)},
				object{"id": "custom.cellOptions", "value": object{"type": "color-text"}})
		}
		overrides = append(overrides, object{"matcher": object{"id": "byName", "options": c.title}, "properties": properties})
	}
	// Limits are drawn as what they are.
	for _, q := range p.queries {
		switch q.legend {
		case "limit", "maxclients", "min-free-bytes":
			overrides = append(overrides, object{"matcher": object{"id": "byName", "options": q.legend}, "properties": list{
				object{"id": "color", "value": object{"mode": "fixed", "fixedColor": "red"}},
				object{"id": "custom.lineStyle", "value": object{"fill": "dash", "dash": list{10, 10}}},
				object{"id": "custom.fillOpacity", "value": 0},
			}})
		}
	}
	return overrides
}
