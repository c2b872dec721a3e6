package phrase

// spanishGather are the texts of the doctor about where its evidence is from and
// what it is asked about.
var spanishGather = map[string]string{
	"%s changed the key policy at %s.": "%s cambió la política de la clave el %s.",
	"Whether somebody tried to start it since cannot be told: cloudtrail:LookupEvents is denied.": "No se sabe si alguien intentó arrancarla desde entonces: cloudtrail:LookupEvents está denegado.",
	"The call that EC2 itself refused":                                          "La llamada que el propio EC2 negó",
	"What is encoded in its message":                                            "Lo que está codificado en su mensaje",
	"A statement denies %s.":                                                    "Una instrucción deniega %s.",
	"No statement allows %s.":                                                   "Ninguna instrucción permite %s.",
	"The last change of the key policy":                                         "El último cambio de la política de la clave",
	"The key policy was another before.":                                        "Antes la política de la clave era otra.",
	"This policy lets the doctor read it":                                       "Esta política permite leerlo",
	"The decoded message names the statement: %s.":                              "El mensaje descodificado nombra la instrucción: %s.",
	"EC2 itself refuses %s to %s: %s denies it.":                                "El propio EC2 rechaza %s a %s: %s lo deniega.",
	"EC2 itself refuses %s to %s: a %s denies it.":                              "El propio EC2 rechaza %s a %s: ⟨una|un⟩ %s lo deniega.",
	"EC2 itself refuses %s to %s: no %s allows it on %s.":                       "El propio EC2 rechaza %s a %s: ⟨ninguna|ningún⟩ %s lo permite en %s.",
	"%s, by the caller":                                                         "%s, por quien llama",
	"%s changed the key policy at %s; the start before that, at %s, went well.": "%s cambió la política de la clave el %s; el inicio anterior, el %s, salió bien.",
}
