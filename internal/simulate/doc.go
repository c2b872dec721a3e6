// Package simulate decides requests that somebody describes instead of making:
// a scenario (who, what, on which resource, with which condition keys and which
// policies) becomes questions to package access, and their decisions a report for
// a person, for a program, or in the form of AWS's own policy simulator.
//
// The policies come with the scenario, or Plan.Gather reads them from a live
// account. A launch, as package launch states it, may take the place of actions
// and resources.
//
// What a scenario leaves out is not guessed. A layer that it does not name does
// not exist; but a key always has a policy and a role a trust policy, so without
// them a decision stays open. A condition key that every real request has, such
// as aws:SourceIp, is unknown until it is given, unless Scenario.ContextComplete
// says that there are no others.
package simulate
