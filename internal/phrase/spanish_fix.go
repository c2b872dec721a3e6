package phrase

// spanishFix are the texts about fixes: what they are, what speaks for each and
// what is proved of it.
var spanishFix = map[string]string{
	"It is not proved to be enough.":                                                        "No está probado que baste.",
	"Proved to be enough, minimal, and to open nothing else.":                               "Está probado que basta, que es mínima y que no abre nada más.",
	"Proved to be enough; it opens the key to direct requests, too.":                        "Está probado que basta; también abre la clave a solicitudes directas.",
	"Proved to be enough; it is more than the start needs.":                                 "Está probado que basta; es más de lo que el inicio necesita.",
	"Proved to be enough; whether it is minimal turns on what could not be read.":           "Está probado que basta; si es mínima depende de lo que no se pudo leer.",
	"Nothing of the fix can be dropped, and it has room for nothing but what a start asks.": "De la corrección no sobra nada, y solo da lugar a lo que un inicio pide.",
	"The fix is wider than the start needs:":                                                "La corrección es más amplia de lo que el inicio necesita:",
	"Whether the fix is minimal is not known:":                                              "No se sabe si la corrección es mínima:",

	"it can do without %s": "puede prescindir de %s",
	"whether it can do without %s turns on what could not be read":         "si puede prescindir de %s depende de lo que no se pudo leer",
	"it allows %s to %s, which no start needs":                             "permite %s a %s, y ningún inicio lo necesita",
	"what else it allows to %s cannot be told: %s":                         "no se puede saber qué más permite a %s: %s",
	"what else it allows turns on what could not be read":                  "qué más permite depende de lo que no se pudo leer",
	"another fix changes the same document: diagnose again after this one": "otra corrección cambia el mismo documento: repita el diagnóstico después de esta",
	"statement %d of %s":                 "la instrucción %d de %s",
	"%s in statement %d of %s":           "%s en la instrucción %d de %s",
	"the change of statement %d of %s":   "el cambio de la instrucción %d de %s",
	"that statement %d of %s goes":       "que desaparezca la instrucción %d de %s",
	"the operation %s of the grant":      "la operación %s de la concesión",
	"detaching %s":                       "desvincular %s",
	"enabling the key":                   "habilitar la clave",
	"cancelling the deletion of the key": "cancelar la eliminación de la clave",

	"Attach this policy to group %s":                    "Adjunte esta política al grupo %s",
	"Make a managed policy of it and attach that to %s": "Conviértala en una política administrada y adjúntela a %s",
	"Correct %s":                 "Corrija la %s",
	"Give %s a grant on the key": "Dé a %s una concesión sobre la clave",
	"Replace %s, which AWS manages, by a copy that leaves out what EC2 asks in the caller's name":                                                                 "Reemplace %s, que administra AWS, por una copia que exceptúe lo que EC2 pide en nombre de quien llama",
	"Nobody else gets anything; it goes with the user or role, and others need the same again.":                                                                   "Nadie más recibe nada; desaparece con el usuario o rol, y otros necesitarán lo mismo.",
	"Everybody to whom the permission set is assigned gets it, and it lasts: Identity Center writes the role's policies anew.":                                    "Lo recibe todo aquel que tenga asignado el conjunto de permisos, y perdura: Identity Center reescribe las políticas del rol.",
	"Every user of the group may start such instances, and the next who joins needs nothing more.":                                                                "Todos los usuarios del grupo podrán iniciar esas instancias, y quien se incorpore no necesitará nada más.",
	"It can be attached to others and has versions; it counts against the ten policies that can be attached.":                                                     "Se puede adjuntar a otros y tiene versiones; cuenta entre las diez políticas que se pueden adjuntar.",
	"It corrects what was meant, and adds no policy.":                                                                                                             "Corrige lo que se quiso decir y no agrega ninguna política.",
	"It corrects what was meant, but the statement allows more than the start needs.":                                                                             "Corrige lo que se quiso decir, pero la instrucción permite más de lo que el inicio necesita.",
	"Who administers the key decides and sees who uses it; it does not show among the caller's own policies.":                                                     "Quien administra la clave decide y ve quién la usa; no aparece entre las políticas de quien llama.",
	"AWS's default, and whoever administers IAM can always reach the key; but every policy of the account that allows KMS actions bears on the key from then on.": "Es lo predeterminado en AWS, y quien administra IAM siempre puede llegar a la clave; pero desde entonces toda política de la cuenta que permita acciones de KMS vale para la clave.",
	"No policy changes, and none shows it; a grant cannot be held to requests that come through EC2, and does not go over to a user or role that is made anew.":   "No cambia ninguna política, y ninguna lo muestra; una concesión no se puede limitar a solicitudes que llegan a través de EC2, y no pasa a un usuario o rol creado de nuevo.",
	"All that the policy denies besides is not denied any more: ask who attached it, and why.":                                                                    "Deja de denegarse todo lo demás que la política deniega: pregunte quién la adjuntó y por qué.",
	"All else stays denied, but the copy does not follow AWS's changes of the policy.":                                                                            "Todo lo demás sigue denegado, pero la copia no sigue los cambios que AWS haga en la política.",

	"there is no way number %d to repair it": "no hay ninguna manera número %d de corregirlo",
}
