package phrase

import "maps"

// catalogue has the texts of each language by their English form. English needs
// no entry.
var catalogue = map[Language]map[string]string{
	Spanish: merged(
		spanishCommon,
		spanishAudit,
		spanishCommand,
		spanishDemo,
		spanishDoctor,
		spanishErrors,
		spanishEvidence,
		spanishFix,
		spanishForms,
		spanishGather,
		spanishReport,
		spanishCauses,
	),
}

// merged is all of the maps in one: each area of Keyturn keeps its texts in a
// file of its own.
func merged(all ...map[string]string) map[string]string {
	out := make(map[string]string)
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// spanishCommon are texts that every area uses.
var spanishCommon = map[string]string{
	"%s and %s": "%s y %s",
}
