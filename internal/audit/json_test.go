package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/jsonpage"
	"github.com/keyturn/keyturn/internal/phrase"
)

// contract is the page that the JSON form keeps to.
const contract = "../../docs/audit-json.md"

// TestDocumentedFields holds docs/audit-json.md against the types, both ways.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	jsonpage.Compare(t, contract, map[string]reflect.Type{
		"| field |": reflect.TypeFor[Report](), "| field of a group |": reflect.TypeFor[Group](),
	}, reflect.TypeFor[Group](), reflect.TypeFor[diagnose.Fix](), reflect.TypeFor[diagnose.Statement](), reflect.TypeFor[time.Time](), reflect.TypeFor[phrase.Text]())
}

// TestDocumentedValues holds the constants against the page.
func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(contract)
	if err != nil {
		t.Fatal(err)
	}
	values := []string{string(DirectGrant), string(OpenKey)}
	for _, k := range kinds {
		values = append(values, string(k))
	}
	for _, o := range operations {
		values = append(values, string(o))
	}
	for _, v := range values {
		if !bytes.Contains(doc, []byte("`"+v+"`")) {
			t.Errorf("%s is not in %s", v, contract)
		}
	}
}

// TestListsAreNeverNull: readers of the JSON form may range over every list.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	for _, in := range []*Inventory{{}, exampleInventory()} {
		b, err := json.Marshal(Run(in))
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte(":null")); i >= 0 && !bytes.HasSuffix(b[:i], []byte(`"fix"`)) {
			t.Errorf("null at …%s", b[max(0, i-40):i+5])
		}
	}
}
