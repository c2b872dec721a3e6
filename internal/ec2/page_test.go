package ec2

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"
)

func TestPagesHoldEverythingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfDistinct(rapid.StringMatching(`vol-[0-9a-f]{1,3}`), func(s string) string { return s }).Draw(t, "rows")
		slices.Sort(rows)
		size := rapid.Int32Range(1, 10).Draw(t, "size")
		rule := pageRule{least: 1, most: 7}
		var seen []string
		var token *string
		for {
			got, next, err := page(rows, func(s string) string { return s }, rule, &size, token)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) > int(min(size, 7)) {
				t.Fatalf("%d rows on a page of %d", len(got), size)
			}
			seen = append(seen, got...)
			if next == nil {
				break
			}
			token = next
		}
		if !slices.Equal(seen, rows) {
			t.Fatalf("pages hold %v, want %v", seen, rows)
		}
	})
}

func TestPageGoesOnAfterARowThatIsGone(t *testing.T) {
	t.Parallel()
	key := func(s string) string { return s }
	rule := pageRule{least: 1, most: 10}
	_, token, err := page([]string{"a", "b", "c", "d"}, key, rule, aws.Int32(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := page([]string{"a", "c", "d"}, key, rule, aws.Int32(2), token)
	if err != nil || !slices.Equal(got, []string{"c", "d"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestPageRuleCheck(t *testing.T) {
	t.Parallel()
	rule := pageRule{least: 5, most: 1000, ids: "volumesSet"}
	for _, row := range []struct {
		name string
		max  *int32
		ids  []string
		code string
	}{
		{"nothing asked", nil, []string{"vol-1"}, ""},
		{"the least is allowed", aws.Int32(5), nil, ""},
		{"below the least", aws.Int32(4), nil, "InvalidParameterValue"},
		{"more than the most is taken for the most", aws.Int32(5000), nil, ""},
		{"ids and a page size", aws.Int32(5), []string{"vol-1"}, "InvalidParameterCombination"},
	} {
		if got := errorCode(rule.check(row.max, row.ids)); got != row.code {
			t.Errorf("%s: code %q, want %q", row.name, got, row.code)
		}
	}
}

// FuzzReadToken: a token is one that writeToken wrote, or refused.
func FuzzReadToken(f *testing.F) {
	f.Add(writeToken("vol-0123456789abcdef0"))
	f.Add("")
	f.Add("YWZ0ZXI6")
	f.Fuzz(func(t *testing.T, token string) {
		after, err := readToken(token)
		if err != nil {
			if errorCode(err) != "InvalidNextToken" {
				t.Fatalf("%q: %v", token, err)
			}
			return
		}
		if back, err := readToken(writeToken(after)); err != nil || back != after {
			t.Fatalf("%q reads as %q, which reads as %q, %v", token, after, back, err)
		}
	})
}
