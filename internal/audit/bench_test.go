package audit

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/launch"
)

// teams is how many teams share the account of the benchmarks.
const teams = 40

// generate makes an account of so many principals, keys and volumes. Of its
// principals every fifth has a policy of its own that names keys of its own, and
// every twentieth a boundary; a team's have the same policies, and ten teams go by
// tags. Of its keys every fifth names a principal, every tenth has a grant, every
// hundredth is disabled; each has the tag of a team. Every instance has a name of
// its own among its tags, and two volumes.
func generate(principals, keys, volumes int) *Inventory {
	w := &world{random: rand.New(rand.NewPCG(1, 2)), keys: keys} //nolint:gosec // the same data each time
	a := &Account{ID: accountA, Partition: "aws"}
	g := &Region{Site: launch.Site{Partition: "aws", Account: accountA, Region: someRegion}, KeysRead: true, InstancesRead: true}
	w.policies()
	for i := range principals {
		a.Principals = append(a.Principals, w.principal(i))
	}
	for i := range keys {
		g.Keys = append(g.Keys, w.key(i, a.Principals))
	}
	for i := range volumes {
		instance := i / 2
		id := fmt.Sprintf("i-%017x", instance)
		if i%2 == 0 {
			g.Instances = append(g.Instances, Instance{id, NewTags(map[string]string{"Name": fmt.Sprintf("web-%d", instance), "team": team(instance)})})
		}
		v := Volume{ID: fmt.Sprintf("vol-%017x", i), Key: g.Keys[w.random.IntN(keys)].ARN, Instance: id, Tags: noTags}
		if i%16 == 15 {
			v.Instance = ""
		}
		g.Volumes = append(g.Volumes, v)
	}
	a.Regions = []*Region{g}
	return &Inventory{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Accounts: []*Account{a}, NoOrganization: true}
}

func team(i int) string { return "team-" + strconv.Itoa(i%teams) }

// world makes the parts of the account.
type world struct {
	random *rand.Rand
	keys   int

	everything, byTag, boundary *access.Document
	ofTeam                      []*access.Document
}

func (w *world) arn(i int) string {
	return fmt.Sprintf("arn:aws:kms:%s:%s:key/%08x-1111-2222-3333-444444444444", someRegion, accountA, i)
}

func (w *world) policies() {
	w.everything = document("AmazonEC2FullAccess", []string{ec2Full})
	w.byTag = document("by-tag", []string{
		`{"Effect": "Allow", "Action": ["kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"], "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}`,
		`{"Effect": "Allow", "Action": "ec2:StartInstances", "Resource": "*", "Condition": {"StringEquals": {"ec2:ResourceTag/team": "${aws:PrincipalTag/team}"}}}`,
	})
	w.boundary = document("boundary", []string{ec2Full, `{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}}`})
	for t := range teams {
		var list []string
		for n := range 10 {
			list = append(list, `"`+w.arn((t*10+n)%w.keys)+`"`)
		}
		w.ofTeam = append(w.ofTeam, document(team(t), []string{ec2Full, `{"Effect": "Allow", "Action": ["kms:CreateGrant", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "Resource": [` + strings.Join(list, ",") + `], "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}`}))
	}
}

func (w *world) principal(i int) Principal {
	p := roleOf("aws", accountA, "/", fmt.Sprintf("role-%d", i), fmt.Sprintf("AROA%017d", i))
	if i%3 == 0 {
		p = userOf("aws", accountA, "/", fmt.Sprintf("user-%d", i), fmt.Sprintf("AIDA%017d", i))
	}
	p.Principal.Tags = map[string]string{"team": team(i)}
	hold := func(d *access.Document) {
		p.Identity = append(p.Identity, diagnose.Held{Document: *d, Policy: d.Name})
	}
	switch {
	case i%5 == 0:
		hold(w.everything)
		hold(document(fmt.Sprintf("own-%d", i), []string{fmt.Sprintf(`{"Effect": "Allow", "Action": "kms:*", "Resource": [%q, %q]}`, w.arn(w.random.IntN(w.keys)), w.arn(w.random.IntN(w.keys)))}))
	case i%teams < 10:
		hold(w.byTag)
	default:
		hold(w.ofTeam[i%teams])
	}
	if i%20 == 7 {
		p.Boundary = w.boundary
	}
	return p
}

func (w *world) key(i int, principals []Principal) Key {
	k := Key{Key: diagnose.Key{
		ARN: w.arn(i), Manager: "CUSTOMER", State: "Enabled", Origin: "AWS_KMS", Tags: map[string]string{"team": team(i)},
	}, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", MultiRegion: "false"}
	somebody := func() string { return principals[w.random.IntN(len(principals))].ARN }
	list := []string{rootStatement}
	if i%5 == 0 {
		list = append(list, fmt.Sprintf(`{"Effect": "Allow", "Principal": {"AWS": %q}, "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}`, somebody()))
	}
	k.Policy = document("key policy of "+lastPart(k.ARN), list)
	if i%10 == 3 {
		k.Grants = []access.Grant{{ID: strconv.Itoa(i), Grantee: somebody(), Operations: []string{"CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext"}}}
	}
	if i%100 == 99 {
		k.State = "Disabled"
	}
	return k
}

// BenchmarkAudit audits accounts from an inventory to the text. The largest take
// long: -benchtime 1x.
func BenchmarkAudit(b *testing.B) {
	for _, n := range []struct{ principals, keys, volumes int }{
		{100, 500, 100_000},
		{1000, 500, 100_000},
		{100, 5000, 100_000},
		{1000, 5000, 100_000},
		{1000, 5000, 1_000_000},
		{1000, 5000, 4_000_000},
		{4000, 5000, 1_000_000},
		{1000, 20_000, 1_000_000},
	} {
		b.Run(fmt.Sprintf("principals=%d/keys=%d/volumes=%d", n.principals, n.keys, n.volumes), func(b *testing.B) {
			in := generate(n.principals, n.keys, n.volumes)
			runtime.GC()
			before := processor()
			for b.Loop() {
				r := Run(in)
				if r.Totals.Trapped == 0 || r.Totals.Can == 0 {
					b.Fatal(r.Summary)
				}
				if err := r.WriteText(io.Discard, Style{}); err != nil {
					b.Fatal(err)
				}
			}
			reportProcessor(b, before)
			reportMemory(b)
		})
	}
}

// reportProcessor reports the processor time of one audit, which does not depend on
// what else the machine does, where the system tells.
func reportProcessor(b *testing.B, before float64) {
	if now := processor(); now > 0 {
		b.ReportMetric((now-before)/float64(b.N), "cpu-s/op")
	}
}

// processor is the processor time that the process has used, in seconds: 0 where
// the system does not tell.
func processor() float64 {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // ticks, of which Linux has a hundred a second
}

// reportMemory reports the most that the process has had of the machine's memory,
// where the system tells: of all benchmarks that it has run.
func reportMemory(b *testing.B) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
		var kib float64
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			b.ReportMetric(kib/1024, "peak-MiB")
		}
	}
}
