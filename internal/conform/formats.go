package conform

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// JSON writes the report for programs: one object.
func (r *Report) JSON(w io.Writer) error {
	type result struct {
		ID       string   `json:"id"`
		Holds    string   `json:"holds"`
		Severity Severity `json:"severity"`
		Source   Source   `json:"source"`
		verdict
	}
	out := struct {
		Server        string          `json:"server"`
		Run           string          `json:"run"`
		Purpose       string          `json:"purpose"`
		StartedAt     int64           `json:"started_at"`
		Summary       map[Outcome]int `json:"summary"`
		Requests      int64           `json:"requests"`
		BytesSent     int64           `json:"bytes_sent"`
		Interrupted   bool            `json:"interrupted"`
		Left          []Leftover      `json:"left"`
		UnsureFiles   int             `json:"unsure_files"`
		UnsureUploads int             `json:"unsure_uploads"`
		Results       []result        `json:"results"`
	}{
		Server: r.Server, Run: r.Run, Purpose: r.Purpose, StartedAt: r.StartedAt, Summary: map[Outcome]int{},
		Requests: r.Requests, BytesSent: r.BytesSent, Interrupted: r.Interrupted,
		Left: append([]Leftover{}, r.Left...), UnsureFiles: r.UnsureFiles, UnsureUploads: r.UnsureUploads, Results: []result{},
	}
	for _, o := range []Outcome{Holds, Differs, Skipped, Untried} {
		out.Summary[o] = r.Count(o)
	}
	for i := range r.Results {
		c := &r.Results[i]
		out.Results = append(out.Results, result{c.ID, c.Holds, c.Severity, c.Source, c.verdict})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// Markdown writes the report to be published: a table, and the differences below it.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| check | result | severity | what must hold |\n| --- | --- | --- | --- |\n", cell(strings.Join(r.summary(), " ")))
	for i := range r.Results {
		c := &r.Results[i]
		severity := ""
		if c.Outcome == Differs {
			severity = c.Severity.String()
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.ID, c.Outcome, severity, cell(c.Holds))
	}
	for i := range r.Results {
		c := &r.Results[i]
		switch c.Outcome {
		case Differs:
			fmt.Fprintf(&b, "\n- `%s` ([source](%s)): expected %s. Seen: %s.", c.ID, c.Source.URL, cell(c.Expected), cell(c.Seen))
		case Skipped, Untried:
			fmt.Fprintf(&b, "\n- `%s` was %s: %s.", c.ID, c.Outcome, cell(c.Reason))
		}
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is text that means nothing to Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`, "`", "'", "[", `\[`).Replace(text)
}

// List writes what checks want and why, for people.
func List(w io.Writer, checks []Check) error {
	var b strings.Builder
	for i := range checks {
		c := &checks[i]
		fmt.Fprintf(&b, "%s (%s)\n    %s\n    %s: %s\n", c.ID, c.Severity, c.Holds, c.Source.Basis, c.Source.URL)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
