package mutants

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// compiler checks changed files as the compiler's front would, which takes
// milliseconds where building takes seconds.
type compiler struct {
	root     string
	packages map[string]listed // by directory
	exports  map[string]string // import path → export data
}

// listed is a package as `go list` describes it.
type listed struct {
	Dir, ImportPath, Export string
	GoFiles                 []string
}

// newCompiler builds what the product's packages import, and its own.
func newCompiler(root string) (*compiler, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=Dir,ImportPath,Export,GoFiles", "./cmd/uploadd")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	c := &compiler{root: root, packages: map[string]listed{}, exports: map[string]string{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return c, nil
		} else if err != nil {
			return nil, err
		}
		c.packages[p.Dir] = p
		c.exports[p.ImportPath] = p.Export
	}
}

// check says why the package of the mutant does not compile, nil if it does.
func (c *compiler) check(m *mutant) error {
	text, err := m.apply(c.root)
	if err != nil {
		return err
	}
	changed := filepath.Join(c.root, m.file)
	p, ok := c.packages[filepath.Dir(changed)]
	if !ok {
		return fmt.Errorf("%s: %s is in no package of the program", m.name, m.file)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		var src any // nil: what is on the disk
		if path == changed {
			src = text
		}
		f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(c.exports[path])
	})}
	if _, err := conf.Check(p.ImportPath, fset, files, nil); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
