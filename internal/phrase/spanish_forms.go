package phrase

// spanishForms are the names of evidence, of those whom policies mean, and of
// sets of requests.
var spanishForms = map[string]string{
	// What could not be read.
	"instance %s":                              "la instancia %s",
	"volumes of %s":                            "los volúmenes de %s",
	"image %s":                                 "la imagen %s",
	"the default key of EBS encryption":        "la clave predeterminada del cifrado de EBS",
	"whether EBS encrypts by default":          "si EBS cifra de forma predeterminada",
	"state of key %s":                          "el estado de la clave %s",
	"aliases of key %s":                        "los alias de la clave %s",
	"tags of key %s":                           "las etiquetas de la clave %s",
	"grants of key %s":                         "las concesiones de la clave %s",
	"permissions boundary of user %s":          "el límite de permisos del usuario %s",
	"permissions boundary of role %s":          "el límite de permisos del rol %s",
	"groups of user %s":                        "los grupos del usuario %s",
	"inline policies of user %s":               "las políticas insertadas del usuario %s",
	"inline policies of group %s":              "las políticas insertadas del grupo %s",
	"inline policies of role %s":               "las políticas insertadas del rol %s",
	"attached policies of user %s":             "las políticas adjuntas al usuario %s",
	"attached policies of group %s":            "las políticas adjuntas al grupo %s",
	"attached policies of role %s":             "las políticas adjuntas al rol %s",
	"managed policy %s":                        "la política administrada %s",
	"the organization of account %s":           "la organización de la cuenta %s",
	"control policies that bear on account %s": "las políticas de control que afectan a la cuenta %s",
	"control policies of %s":                   "las políticas de control de %s",
	"control policy %s":                        "la política de control %s",
	"the encoded message of the refused %s":    "el mensaje codificado de la llamada %s que se rechazó",
	"log file %s":                              "el archivo de registro %s",
	"%s more of the log files":                 "otros %s archivos de registro",
	"older %s":                                 "lo más antiguo de: %s",
	"events with %s %s":                        "los eventos con %s %s",
	"trust policy of %s":                       "la política de confianza de %s",
	"%s of %s":                                 "%s de %s",

	// Why.
	"the credentials are of account %s, which is not the principal's": "las credenciales son de la cuenta %s, que no es la de la entidad principal",
	"no event tells with what policy the session was made":            "ningún evento dice con qué política se creó la sesión",
	"they are broken as well":                                         "también están dañados",
	"there are more than %s":                                          "hay más de %s",

	// Whom a policy means.
	"group %s":                       "el grupo %s",
	"role %s":                        "el rol %s",
	"the root user of account %s":    "el usuario raíz de la cuenta %s",
	"the other users of account %s":  "los demás usuarios de la cuenta %s",
	"the other roles of account %s":  "los demás roles de la cuenta %s",
	"the user with id %s":            "el usuario con el identificador %s",
	"the user %s":                    "el usuario %s",
	"the role with id %s":            "el rol con el identificador %s",
	"the role %s":                    "el rol %s",
	"the session %s":                 "la sesión %s",
	"the service %s":                 "el servicio %s",
	"those who come through %s":      "quienes llegan a través de %s",
	"the canonical user %s":          "el usuario canónico %s",
	"everybody else with an account": "cualquier otro que tenga una cuenta",
	"anonymous callers":              "quienes llaman de forma anónima",

	// Sets of requests.
	"every action":       "todas las acciones",
	"every resource":     "todos los recursos",
	"%s on %s":           "%s sobre %s",
	"%s where %s":        "%s cuando %s",
	"%s that is also %s": "%s que también es %s",
	"%s except %s":       "%s excepto %s",
	"%s is absent":       "%s no está",
	"%s is present":      "%s está",
	"not (%s)":           "no (%s)",

	"# then launch the instance again": "# después, lance la instancia de nuevo",
}
