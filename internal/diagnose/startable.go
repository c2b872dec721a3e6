package diagnose

import (
	"fmt"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// startable tells whether the caller's own policies let them call EC2 at all. It
// is not what fails when an instance stops by itself, but a fix must not change it
// for the worse.
func (e *Evidence) startable() policy.Truth {
	if e.Caller == nil {
		return policy.Maybe
	}
	r := access.Request{
		Principal: e.principal(), Action: "ec2:" + string(e.operation()), ResourceAccount: e.Site.Account,
		Resource: fmt.Sprintf("arn:%s:ec2:%s:%s:instance/%s", e.Site.Partition, e.Site.Region, e.Site.Account, e.Instance.ID),
	}
	r.Context.Merge(e.Caller.Context)
	r.Context.SetUnknown("aws:*")
	r.Context.SetUnknown("ec2:*")
	p := e.policies(&r, true)
	switch access.Check(&r, &p) {
	case access.Allowed:
		return policy.Yes
	case access.Depends:
		return policy.Maybe
	}
	return policy.No
}

// need is what evidence with the fixes in place shows: that the start goes
// through, and that its caller may still ask for it.
func (e *Evidence) need() func(*Evidence) policy.Truth {
	asked := e.startable() == policy.Yes
	return func(e *Evidence) policy.Truth {
		t := goesThrough(e)
		if asked && t != policy.No {
			t = t.And(e.startable())
		}
		return t
	}
}
