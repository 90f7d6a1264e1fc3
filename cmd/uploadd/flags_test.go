package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/flags.md anew")

const flagsFile = "../../docs/flags.md"

const flagsIntro = `# Commands and flags

Every command of uploadd, with its flags. A flag can be given by its variable in the
environment instead, those of ` + "`serve`" + ` also by a line of the file that ` + "`--config=FILE`" + ` (or
` + "`UPLOADD_CONFIG`" + `) names, which every command takes: [configuration.md](configuration.md). A flag
outweighs its variable, and that one the file. Sizes are written like ` + "`64MiB` or `8GB`" + `,
durations like ` + "`90s` or `1h`" + `. The same is said by ` + "`uploadd COMMAND --help`" + `.

Exit codes: 0, it was done; 1, it could not be done, or a check found faults; 2, the
command line cannot be understood.

The flags of the command ` + "`upload`" + ` are in [upload.md](upload.md).

(This page is written by ` + "`go test ./cmd/uploadd -run TestFlagsPage -update`" + `.)
`

// TestFlagsPage: docs/flags.md has every command and every flag of the program.
func TestFlagsPage(t *testing.T) {
	app, err := newParser(io.Discard, io.Discard, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString(flagsIntro)
	describe(t, &page, app.Model.Node)
	if *update {
		if err := os.WriteFile(flagsFile, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := os.ReadFile(flagsFile); err != nil || string(there) != page.String() {
		t.Errorf("docs/flags.md is not up to date: go test ./cmd/uploadd -run TestFlagsPage -update (%v)", err)
	}
}

// describe writes about the commands below a node.
func describe(t *testing.T, page *strings.Builder, node *kong.Node) {
	for _, c := range node.Children {
		if c.Type != kong.CommandNode || c.Hidden {
			continue
		}
		if c.Help == "" {
			t.Errorf("%s has no help", c.FullPath())
		}
		level := "##"
		if node.Parent != nil {
			level = "###"
		}
		fmt.Fprintf(page, "\n%s %s\n\n%s\n", level, c.FullPath(), c.Help)
		if c.Detail != "" {
			fmt.Fprintf(page, "\n%s\n", c.Detail)
		}
		if len(c.Positional) > 0 {
			page.WriteString("\n| argument | what |\n| --- | --- |\n")
			for _, p := range c.Positional {
				fmt.Fprintf(page, "| `%s` | %s |\n", cell(p.Summary()), cell(p.Help))
			}
		}
		describeFlags(t, page, c)
		describe(t, page, c)
	}
}

func describeFlags(t *testing.T, page *strings.Builder, c *kong.Node) {
	head := "\n| flag | variable | default | what |\n| --- | --- | --- | --- |\n"
	for _, f := range c.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		if f.Help == "" || !f.IsBool() && f.FormatPlaceHolder() == "" {
			t.Errorf("%s --%s is not described", c.FullPath(), f.Name)
		}
		name := "`--" + f.Name
		switch {
		case f.Enum != "" && f.PlaceHolder == "":
			name += "=" + strings.ReplaceAll(f.Enum, ",", "|")
		case !f.IsBool():
			name += "=" + f.FormatPlaceHolder()
		}
		if name += "`"; f.Short != 0 {
			name = fmt.Sprintf("`-%c`, %s", f.Short, name)
		}
		var variables []string
		for _, v := range f.Envs {
			variables = append(variables, "`"+v+"`")
		}
		value := ""
		switch {
		case f.HasDefault:
			value = "`" + f.Default + "`"
		case f.Required:
			value = "(must be given)"
		}
		help := strings.ReplaceAll(f.Help, " ("+f.Default+")", "") // which has a column of its own
		fmt.Fprintf(page, "%s| %s | %s | %s | %s |\n", head, cell(name), strings.Join(variables, ", "), cell(value), cell(help))
		head = ""
	}
}

// cell is text in a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
