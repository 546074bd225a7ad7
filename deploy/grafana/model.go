package main

// What Grafana reads, as far as we write it.
type (
	dashboard struct {
		UID           string     `json:"uid"`
		Title         string     `json:"title"`
		Description   string     `json:"description"`
		Tags          []string   `json:"tags"`
		Timezone      string     `json:"timezone"`
		Editable      bool       `json:"editable"`
		GraphTooltip  int        `json:"graphTooltip"`
		Refresh       string     `json:"refresh"`
		SchemaVersion int        `json:"schemaVersion"`
		Time          timeRange  `json:"time"`
		Links         []link     `json:"links"`
		Templating    templating `json:"templating"`
		Panels        []*panel   `json:"panels"`
	}
	timeRange struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	link struct {
		Title       string   `json:"title"`
		Type        string   `json:"type"`
		Tags        []string `json:"tags"`
		AsDropdown  bool     `json:"asDropdown"`
		IncludeVars bool     `json:"includeVars"`
		KeepTime    bool     `json:"keepTime"`
	}
	templating struct {
		List []variable `json:"list"`
	}
	variable struct {
		Name       string      `json:"name"`
		Label      string      `json:"label"`
		Type       string      `json:"type"`
		Query      string      `json:"query"`
		Datasource *datasource `json:"datasource,omitempty"`
		Refresh    int         `json:"refresh,omitempty"`
		Sort       int         `json:"sort,omitempty"`
	}
	datasource struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	panel struct {
		ID          int          `json:"id"`
		Type        string       `json:"type"`
		Title       string       `json:"title"`
		Description string       `json:"description,omitempty"`
		GridPos     grid         `json:"gridPos"`
		Datasource  *datasource  `json:"datasource,omitempty"`
		Targets     []target     `json:"targets,omitempty"`
		FieldConfig *fieldConfig `json:"fieldConfig,omitempty"`
		Options     any          `json:"options,omitempty"`
	}
	grid struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	target struct {
		RefID        string `json:"refId"`
		Expr         string `json:"expr,omitempty"`
		LegendFormat string `json:"legendFormat,omitempty"`
		RawSQL       string `json:"rawSql,omitempty"`
		RawQuery     bool   `json:"rawQuery,omitempty"`
		Format       string `json:"format,omitempty"`
	}
	fieldConfig struct {
		Defaults  fieldDefaults `json:"defaults"`
		Overrides []any         `json:"overrides"`
	}
	fieldDefaults struct {
		Unit string   `json:"unit"`
		Min  *float64 `json:"min,omitempty"`
		Max  *float64 `json:"max,omitempty"`
	}
)

// newDashboard has a variable for each kind of data source, so that it fits whatever
// they are called.
func newDashboard(uid, title, description string, variables ...variable) *dashboard {
	return &dashboard{
		UID: "postrider-" + uid, Title: "Postrider / " + title, Description: description, Tags: []string{"postrider"},
		Timezone: "browser", GraphTooltip: 1, Refresh: "30s", SchemaVersion: 39,
		Time:       timeRange{"now-3h", "now"},
		Links:      []link{{Title: "Postrider", Type: "dashboards", Tags: []string{"postrider"}, AsDropdown: true, KeepTime: true}},
		Templating: templating{variables},
	}
}

func (d *dashboard) file() string { return d.UID + ".json" }

var (
	prometheus = &datasource{"prometheus", "${prometheus}"}                  //nolint:gochecknoglobals // constant
	postgres   = &datasource{"grafana-postgresql-datasource", "${postgres}"} //nolint:gochecknoglobals // constant
)

func choice(name, label string, of *datasource) variable {
	return variable{Name: name, Label: label, Type: "datasource", Query: of.Type}
}

const (
	columns = 24
	height  = 8
)

// row begins a new row with a heading.
func (d *dashboard) row(title string, panels ...*panel) {
	y := 0
	for _, p := range d.Panels {
		y = max(y, p.GridPos.Y+p.GridPos.H)
	}
	d.add(&panel{Type: "row", Title: title}, grid{1, columns, 0, y})
	y++
	const each = 3 // panels beside each other
	for i, p := range panels {
		beside := min(each, len(panels)-i/each*each)
		width := columns / beside
		d.add(p, grid{height, width, i % each * width, y + i/each*height})
	}
}

func (d *dashboard) add(p *panel, at grid) {
	p.ID, p.GridPos = len(d.Panels)+1, at
	d.Panels = append(d.Panels, p)
}

// query is an expression with what its lines are called.
type query struct{ legend, expr string }

// graph shows lines over time, from 0 up.
func graph(title, unit, description string, queries ...query) *panel {
	zero := 0.0
	p := &panel{
		Type: "timeseries", Title: title, Description: description, Datasource: prometheus,
		FieldConfig: &fieldConfig{fieldDefaults{Unit: unit, Min: &zero}, []any{}},
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, target{RefID: string(rune('A' + i)), Expr: q.expr, LegendFormat: q.legend})
	}
	return p
}

// share is a graph from 0 to 1, shown as per cent.
func share(title, description string, queries ...query) *panel {
	p := graph(title, "percentunit", description, queries...)
	one := 1.0
	p.FieldConfig.Defaults.Max = &one
	return p
}
