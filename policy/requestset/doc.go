// Package requestset reasons about all requests at once: which requests does a
// document allow that another does not, what does a statement add, is one
// redundant or dead. It asks no service and tries no examples; it compares what
// the documents say.
//
// A [Set] is a set of requests: of actions, resources and condition keys. Make
// sets of documents with [Allowed], of one statement with [Statement], and
// combine them with [Set.And], [Set.Or] and [Set.Minus]: layers that must all
// allow are sets joined by And. [Set.Find] answers whether a set holds any
// request and tells which, as [Region]s in the documents' own words, each with
// an example.
//
// For the usual questions there are [NewAccess], [NewAccessTo] and [Unneeded].
//
// # What is decided
//
// Actions and resources are compared as languages, with automata: exactly. So
// are conditions whose lines are about one key each: string, ARN and Bool
// operators as languages; numbers, dates, addresses and binary values by values
// that stand for all others; the quantifiers, IfExists and Null by what they ask
// of a set of values. Keys are taken to be independent of each other and of
// action and resource, as they are for the policy language; that AWS never makes
// a request (a KMS action on a bucket, a key that the action does not have) is
// not known here, so a set may hold requests that nobody can make.
//
// A value with a policy variable compares parts of the request with each other.
// Such a comparison is taken to be free: a set that is empty nevertheless is
// empty, and one of which an example is found is not; otherwise the answer is
// Maybe. The same goes for a key that operators of different families compare
// (a number that is also a name), for a key of which nobody says whether it can
// have several values, and for documents beyond the bounds on time.
//
// How many values a key has, and with [Options].Known which requests there are,
// is told by the Service Authorization Reference, and an answer is as right as
// that is.
//
// So No is a proof, Yes comes with an example that the matcher of package policy
// has judged, and Maybe says why.
//
// The questions are those of IAM Access Analyzer's custom policy checks (IAM
// guide, "Validating your policies with custom policy checks"): NewAccess is
// like CheckNoNewAccess.
package requestset
