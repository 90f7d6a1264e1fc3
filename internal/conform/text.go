package conform

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// style is how text looks: the width that it is cut to, and whether it has colours.
type style struct {
	width  int
	colour bool
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
	bold   = "1"
)

func (s style) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Widths of the columns in front of the sentences.
const (
	outcomeWidth = 9
	nameWidth    = 22
	indent       = 2 + outcomeWidth + nameWidth
)

// Text writes the report for people: a line for each check, and below it what differs.
// Lines are wrapped at width columns.
func (r *Report) Text(w io.Writer, width int, colour bool) error {
	s := style{max(width, 60), colour}
	var b strings.Builder
	for i := range r.Results {
		result := &r.Results[i]
		if i == 0 || result.Group() != r.Results[i-1].Group() {
			fmt.Fprintf(&b, "\n%s\n", s.paint(bold, result.Group()))
		}
		s.result(&b, result)
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(r.summary(), "\n"))
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

func (s style) result(b *strings.Builder, r *Result) {
	_, name, _ := strings.Cut(r.ID, "/")
	outcome := pad(string(r.Outcome), outcomeWidth)
	switch r.Outcome {
	case Holds:
		outcome = s.paint(green, outcome)
	case Differs:
		outcome = s.paint(red, outcome)
	default:
		outcome = s.paint(yellow, outcome)
	}
	fmt.Fprintf(b, "  %s%s%s\n", outcome, pad(name, nameWidth), s.wrap(r.Holds))
	detail := func(label, text string) {
		if text != "" {
			fmt.Fprintf(b, "%s%s%s\n", strings.Repeat(" ", 2+outcomeWidth), s.paint(faint, pad(label, nameWidth)), s.wrap(text))
		}
	}
	if r.Outcome == Differs {
		detail("severity", r.Severity.String())
	}
	detail("expected", r.Expected)
	seen := r.Seen
	if r.RequestID != "" {
		seen += " (request " + r.RequestID + ")"
	}
	detail("seen", seen)
	detail("because", r.Reason)
	if r.Outcome == Differs {
		detail("source", r.Source.URL)
	}
}

// wrap breaks text at spaces, and indents what follows the first line.
func (s style) wrap(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range s.words(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case indent+column+1+n > s.width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// words are those of a text. One that is wider than a line, a URL for example, is cut up
// unless the text is nothing else.
func (s style) words(text string) (all []string) {
	room := s.width - indent
	words := strings.Fields(text)
	for _, word := range words {
		r := []rune(word)
		for len(words) > 1 && len(r) > room {
			all, r = append(all, string(r[:room])), r[room:]
		}
		all = append(all, string(r))
	}
	return all
}

func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(1, n-utf8.RuneCountInString(text)))
}

// summary is the end of the report, in sentences.
func (r *Report) summary() (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	line("%s: of %s %d hold, %d differ, %d were skipped, %d could not be tried.", r.Server, plural(len(r.Results), "check"),
		r.Count(Holds), r.Count(Differs), r.Count(Skipped), r.Count(Untried))
	if n := r.Count(Differs); n > 0 {
		var parts []string
		for _, severity := range []Severity{Data, SDK, Documented, Cosmetic} {
			if n := r.countSeverity(severity); n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, severity))
			}
		}
		line("Differences by severity: %s.", strings.Join(parts, ", "))
	}
	line("%s with %s of body were sent. Names begin with %s.", plural(int(r.Requests), "request"), humanize.IBytes(uint64(r.BytesSent)), r.Run)
	if r.Interrupted {
		line("The run was interrupted.")
	}
	if len(r.Left) == 0 && r.UnsureFiles+r.UnsureUploads == 0 {
		line("Everything that was made has been removed.")
	}
	for _, l := range r.Left {
		line("Not removed: %s %s: %s.", l.Object, l.ID, l.Reason)
	}
	if n := r.UnsureFiles; n > 0 {
		line("Of the requests that make Files %d were not answered, and the list could not be read: see --clean.", n)
	}
	if n := r.UnsureUploads; n > 0 {
		line("Of the requests that make Uploads %d were not answered, and the server does not list Uploads: they expire by themselves.", n)
	}
	return lines
}

func (r *Report) countSeverity(s Severity) (n int) {
	for i := range r.Results {
		if r.Results[i].Outcome == Differs && r.Results[i].Severity == s {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
