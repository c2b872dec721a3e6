package phrase

// spanishErrors are the texts of what keeps a diagnosis or a repair from beginning.
var spanishErrors = map[string]string{
	"asking who the credentials are: %v":           "no se pudo preguntar de quién son las credenciales: %v",
	"KMS has no key %s in this account and region": "KMS no tiene ninguna clave %s en esta cuenta y región",
	"reading what bears on %s: %v":                 "no se pudo leer lo que afecta a %s: %v",
	"%s does not exist: %s":                        "%s no existe: %s",
	"reading the trust policy of role %s: %v":      "no se pudo leer la política de confianza del rol %s: %v",
	"the role %s is %s here":                       "el rol %s es aquí %s",
	"there is no fix that could be applied":        "no hay ninguna corrección que se pueda aplicar",
	"a person has to decide or to do it":           "debe decidirlo o hacerlo una persona",
	"it is not proved that the fix is enough":      "no está probado que la corrección baste",
	"%v: %s":                             "%v: %s",
	"%s:%s: %v":                          "%s:%s: %v",
	"reading what %s:%s will change: %v": "no se pudo leer lo que cambiará %s:%s: %v",
	"nobody knows how to undo it":        "nadie sabe cómo deshacerlo",
}
