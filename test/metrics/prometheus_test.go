package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadd/internal/uploads/uploadstest"
)

// read is a file of the project.
func read(t *testing.T, path string) string {
	t.Helper()
	return string(uploadstest.Must(os.ReadFile(filepath.Join("../..", path)))(t))
}

// The rules are rules to Prometheus itself, and each alert fires where it should and not
// where it should not: testdata/alerts_test.yaml says when.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", "../../deploy/prometheus/alerts.yaml"},
		{"check", "config", "../../deploy/prometheus/prometheus.yml"},
		{"test", "rules", "testdata/alerts_test.yaml"},
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	tests, page := read(t, "test/metrics/testdata/alerts_test.yaml"), read(t, "docs/metrics.md")
	for _, name := range alerts(t) {
		fires := regexp.MustCompile(`alertname: ` + name + `\n +eval_time: \w+\n +exp_alerts:\n`)
		quiet := regexp.MustCompile(`\{alertname: ` + name + `, eval_time: \w+\}`)
		if !fires.MatchString(tests) || !quiet.MatchString(tests) {
			t.Errorf("%s is not tested both to fire and not to", name)
		}
		if !strings.Contains(page, "\n### "+name+"\n") || !strings.Contains(read(t, "deploy/prometheus/alerts.yaml"), "runbook: docs/metrics.md#"+strings.ToLower(name)+"\n") {
			t.Errorf("%s does not lead to what docs/metrics.md says of it", name)
		}
	}
}

// alerts are the names of all.
func alerts(t *testing.T) (names []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "deploy/prometheus/alerts.yaml"), -1) {
		names = append(names, m[1])
	}
	if len(names) < 10 {
		t.Fatalf("there are %d alerts", len(names))
	}
	return names
}

// prometheus is one that runs, and scrapes a server each second.
type prometheus struct{ url string }

// scraping runs Prometheus with the configuration of deploy, but for the address of the
// server and the time between two scrapes.
func scraping(t *testing.T, s measured) prometheus {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	config := read(t, "deploy/prometheus/prometheus.yml")
	for _, change := range [][2]string{{"127.0.0.1:9464", s.address}, {"scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s"}} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("the configuration does not have %s", change[0])
		}
		config = strings.Replace(config, change[0], change[1], 1)
	}
	for name, text := range map[string]string{"prometheus.yml": config, "alerts.yaml": read(t, "deploy/prometheus/alerts.yaml")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return prometheus{"http://" + address}
}

// get asks the API of Prometheus.
func (p prometheus) get(path string, query url.Values, data any) error {
	resp, err := http.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s %s", answer.Status, answer.Error)
	}
	return nil
}

// values evaluates an expression now. NaN, which is what 0/0 is, counts as none.
func (p prometheus) values(expr string) (list []float64, err error) {
	var data struct{ Result []struct{ Value [2]any } }
	if err := p.get("/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	for _, r := range data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		if !math.IsNaN(v) {
			list = append(list, v)
		}
	}
	return list, nil
}

// eventually waits until ok returns nil.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = ok(); err == nil {
			return
		}
	}
	t.Errorf("%s: %v", what, err)
}

// rule is an alert as Prometheus has it.
type rule struct{ Name, Query, State, Health, LastError string }

func (p prometheus) rules() (all []rule, err error) {
	var data struct{ Groups []struct{ Rules []rule } }
	if err := p.get("/api/v1/rules", nil, &data); err != nil {
		return nil, err
	}
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

// A real Prometheus scrapes a real server that is used a little: every panel of the
// dashboard then shows something, every alert can be evaluated and is made of series
// that there are, and that of a server which is down begins when it is.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	s := start(t)
	stop := s.background(t)
	defer stop()
	p := scraping(t, s)
	for _, panel := range dashboard(t).Panels {
		for _, target := range panel.Targets {
			expr := strings.NewReplacer("$__rate_interval", "30s", "$__range", "10m", "$instance", ".*").Replace(target.Expr)
			eventually(t, panel.Title+": "+expr, func() error {
				if values, err := p.values(expr); err != nil || len(values) == 0 {
					return fmt.Errorf("no values, %w", err)
				}
				return nil
			})
		}
	}
	eventually(t, "the variable of the dashboard", func() error {
		var instances []string
		err := p.get("/api/v1/label/instance/values", url.Values{"match[]": {"uploadd_build_info"}}, &instances)
		if err != nil || !slices.Equal(instances, []string{s.address}) {
			return fmt.Errorf("%v, %w", instances, err)
		}
		return nil
	})
	evaluated(t, p, families(t, s.scrape(t)))
	stop()
	s.Kill()
	eventually(t, "a server that is down", func() error {
		rules, err := p.rules()
		for _, r := range rules {
			if r.Name == "UploaddDown" && r.State != "inactive" {
				return nil
			}
		}
		return fmt.Errorf("is not noticed: %v, %w", rules, err)
	})
}

// evaluated waits until Prometheus has evaluated every alert, and looks whether each is
// made of series that the server has.
func evaluated(t *testing.T, p prometheus, has map[string]*family) {
	t.Helper()
	eventually(t, "the alerts", func() error {
		rules, err := p.rules()
		if err != nil || len(rules) != len(alerts(t)) {
			return fmt.Errorf("%d rules, %w", len(rules), err)
		}
		for _, r := range rules {
			if r.Health != "ok" {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
			for _, name := range regexp.MustCompile(`uploadd_[a-z_]+`).FindAllString(r.Query, -1) {
				if has[suffix.ReplaceAllString(name, "")] == nil {
					t.Errorf("%s asks for %s, which the server does not have", r.Name, name)
				}
			}
		}
		return nil
	})
}
