package metrics

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// source is where a panel or a variable has its data from.
type source struct{ Type, UID string }

// panel is one of the dashboard, as far as Grafana has to know it.
type panel struct {
	ID          int
	Type, Title string
	Description string
	Datasource  source
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		RefID, Expr, LegendFormat string
		Datasource                source
	}
}

type board struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type string
			Datasource source
			Query      any
		}
	}
	Panels []panel
}

func dashboard(t *testing.T) (b board) {
	t.Helper()
	if err := json.NewDecoder(bytes.NewReader([]byte(read(t, "deploy/grafana/uploadd.json")))).Decode(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

// The dashboard is what Grafana takes, and what it shows is laid out: each panel has an
// id, a place of its own in the 24 columns, a unit, and the data source that was chosen.
func TestDashboard(t *testing.T) {
	b := dashboard(t)
	if b.UID != "uploadd" || b.Title == "" || b.SchemaVersion < 36 || len(b.Panels) < 20 {
		t.Errorf("the dashboard is %q %q of schema %d, with %d panels", b.UID, b.Title, b.SchemaVersion, len(b.Panels))
	}
	chosen := source{"prometheus", "${datasource}"}
	variables := map[string]string{}
	for _, v := range b.Templating.List {
		if variables[v.Name] = v.Type; v.Type == "query" && v.Datasource != chosen {
			t.Errorf("the variable %s asks %v", v.Name, v.Datasource)
		}
	}
	if variables["datasource"] != "datasource" || variables["instance"] != "query" {
		t.Errorf("the variables are %v", variables)
	}
	taken := map[[2]int]string{}
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range b.Panels {
		if p.ID <= 0 || ids[p.ID] || p.Title == "" || titles[p.Title] {
			t.Errorf("%q has the id %d, or one of them is there twice", p.Title, p.ID)
		}
		ids[p.ID], titles[p.Title] = true, true
		place(t, p, taken)
		if p.Type == "row" {
			continue
		}
		if p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource != chosen || p.Type != "stat" && p.Type != "timeseries" {
			t.Errorf("%q is a %s in %q of %v with %d targets", p.Title, p.Type, p.FieldConfig.Defaults.Unit, p.Datasource, len(p.Targets))
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.RefID == "" || refs[target.RefID] || target.Datasource != chosen || !strings.Contains(target.Expr, `instance=~"$instance"`) ||
				target.LegendFormat == "" && p.Type != "stat" {
				t.Errorf("%q has the target %+v", p.Title, target)
			}
			refs[target.RefID] = true
		}
	}
}

// place notes what a panel covers, and reports where another one is already.
func place(t *testing.T, p panel, taken map[[2]int]string) {
	t.Helper()
	at := p.GridPos
	if at.X < 0 || at.Y < 0 || at.W < 1 || at.H < 1 || at.X+at.W > 24 {
		t.Errorf("%q is at %+v", p.Title, at)
	}
	for x := at.X; x < at.X+at.W; x++ {
		for y := at.Y; y < at.Y+at.H; y++ {
			if other := taken[[2]int{x, y}]; other != "" {
				t.Errorf("%q covers %q at %d, %d", p.Title, other, x, y)
				return
			}
			taken[[2]int{x, y}] = p.Title
		}
	}
}
