package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTables: the tables in the tree are what the models and the SDK give.
func TestTables(t *testing.T) {
	t.Parallel()
	models := os.Getenv("KEYTURN_MODELS")
	if models == "" {
		models = "../../../../../shared/api-models"
	}
	if _, err := os.Stat(models); err != nil {
		t.Skip("no models of AWS's APIs here; KEYTURN_MODELS names their folder")
	}
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := generate(models, dir, service); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, service+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("..", "tables", service+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("the table is not current: run go generate in internal/wire/model (-tree +models):\n%.2000s", cmp.Diff(string(want), string(got)))
			}
		})
	}
}
