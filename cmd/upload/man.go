package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct{}

func (manCmd) Help() string {
	return "Prints the manual page in the form of the man program:\n\n" +
		"  upload man | man -l -\n" +
		"  upload man > /usr/local/share/man/man1/upload.1"
}

func (manCmd) Run(env *environment, app *kong.Kong) error {
	var page strings.Builder
	writeMan(&page, app)
	_, err := io.WriteString(env.stdout, page.String())
	return err
}

// writeMan writes the manual page, with the macros that every man program has.
func writeMan(w io.Writer, app *kong.Kong) {
	summary, rest, _ := strings.Cut(description, "\n\n")
	fmt.Fprintf(w, ".TH UPLOAD 1\n.SH NAME\nupload \\- %s\n", roff(strings.ToLower(summary[:1])+strings.TrimSuffix(summary[1:], ".")))
	fmt.Fprint(w, ".SH SYNOPSIS\n")
	for i, c := range visible(app) {
		if i > 0 {
			fmt.Fprint(w, ".br\n")
		}
		fmt.Fprintf(w, ".B upload\n%s\n", roff(synopsis(c, c == app.Model.DefaultCmd)))
	}
	fmt.Fprint(w, ".SH DESCRIPTION\n")
	paragraphs(w, rest)
	fmt.Fprint(w, ".SH COMMANDS\n")
	for _, c := range visible(app) {
		fmt.Fprintf(w, ".SS %s\n%s\n", c.Name, roff(c.Help))
		if c.Detail != "" {
			fmt.Fprint(w, ".PP\n")
			paragraphs(w, c.Detail)
		}
		for _, p := range c.Positional {
			fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(p.Name), roff(p.Help))
		}
		for _, f := range c.Flags {
			fmt.Fprintf(w, ".TP\n%s\n%s\n", roffFlag(f), roff(f.Help))
		}
	}
	fmt.Fprint(w, ".SH ENVIRONMENT\n")
	for _, v := range variables {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", v.name, roff(v.meaning))
	}
	fmt.Fprint(w, ".SH FILES\n")
	for _, f := range paths {
		fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(f.name), roff(f.meaning))
	}
}

// variables and paths are what the program reads besides its arguments.
var (
	variables = []struct{ name, meaning string }{
		{"OPENAI_API_KEY", "The key. Without OPENAI_BASE_URL it is for OpenAI."},
		{"OPENAI_BASE_URL", "Another server's address, such as http://127.0.0.1:8080/v1."},
		{"OPENAI_ORG_ID, OPENAI_PROJECT_ID", "Sent to the server where they are set."},
		{"AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, OPENAI_API_VERSION", "Azure OpenAI: the resource's address, its key, and the version of the API, such as 2024-10-21."},
		{"UPLOAD_PROFILE", "The profile to use where --profile is not given."},
	}
	paths = []struct{ name, meaning string }{
		{"$XDG_CONFIG_HOME/upload/config.json", "Profiles. ~/.config stands for an XDG_CONFIG_HOME that is not set."},
		{"$XDG_STATE_HOME/upload", "What runs that were cut off have sent. ~/.local/state stands for an XDG_STATE_HOME that is not set."},
	}
)

func synopsis(c *kong.Node, isDefault bool) string {
	words := []string{c.Name}
	if isDefault {
		words = []string{"[" + c.Name + "]"}
	}
	if len(c.Flags) > 0 {
		words = append(words, "[flags]")
	}
	for _, p := range c.Positional {
		words = append(words, p.Summary())
	}
	return strings.Join(words, " ")
}

func roffFlag(f *kong.Flag) string {
	text := ".B " + roff(strings.Join(names(f), ", "))
	if !f.IsBool() {
		text += "=" + roff(f.FormatPlaceHolder())
	}
	return text
}

// paragraphs writes text whose indented lines are to stay as they are.
func paragraphs(w io.Writer, text string) {
	for i, p := range strings.Split(text, "\n\n") {
		if i > 0 {
			fmt.Fprint(w, ".PP\n")
		}
		if strings.HasPrefix(p, "  ") {
			fmt.Fprintf(w, ".nf\n%s\n.fi\n", roff(p))
		} else {
			fmt.Fprintln(w, roff(p))
		}
	}
}

// roff escapes what has a meaning to the formatter.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
