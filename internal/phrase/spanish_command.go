package phrase

// spanishCommand are the texts of the commands that speak the reader's language:
// errors, what to type next, and what "keyturn fix" asks.
var spanishCommand = map[string]string{
	"there is no language %q here: there are en and es": "no hay ningún idioma %q: hay en y es",
	"use %s": "use %s",

	// Arguments.
	"give one instance id: keyturn %s i-0123456789abcdef0":          "indique el ID de una instancia: keyturn %s i-0123456789abcdef0",
	"%s takes one instance id, not %d":                              "%s necesita el ID de una instancia, no %d",
	"%q is no instance id: it is i- and 8 or 17 hexadecimal digits": "%q no es el ID de una instancia: es i- y 8 o 17 dígitos hexadecimales",
	"there is no output form %q":                                    "no hay ningún formato de salida %q",
	"the AWS configuration cannot be read: %v":                      "no se puede leer la configuración de AWS: %v",
	"see ~/.aws/config and the AWS_* variables, or give --profile":  "vea ~/.aws/config y las variables AWS_*, o indique --profile",
	"no region is configured":                                       "no hay ninguna región configurada",
	"give --region, or export AWS_REGION":                           "indique --region o exporte AWS_REGION",
	"none are configured":                                           "no hay ninguna configurada",
	"no AWS credentials: %v":                                        "no hay credenciales de AWS: %v",
	"give --profile or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for \"keyturn serve\": eval \"$(keyturn env)\"": "indique --profile o exporte AWS_ACCESS_KEY_ID y AWS_SECRET_ACCESS_KEY; para \"keyturn serve\": eval \"$(keyturn env)\"",

	// What the services answered.
	"nobody answers at %v: %v": "nadie responde en %v: %v",
	"start a server with \"keyturn serve\", or correct --endpoint-url (AWS_ENDPOINT_URL)":             "inicie un servidor con \"keyturn serve\" o corrija --endpoint-url (AWS_ENDPOINT_URL)",
	"the credentials were refused: see AWS_ACCESS_KEY_ID, --profile and --endpoint-url":               "se rechazaron las credenciales: vea AWS_ACCESS_KEY_ID, --profile y --endpoint-url",
	"diagnose as somebody who may describe instances, volumes, keys and policies, and look up events": "repita el diagnóstico con una identidad que pueda describir instancias, volúmenes, claves y políticas, y consultar eventos",

	// keyturn fix.
	"%s shows the whole report":                     "%s muestra el informe completo",
	"what was applied can be undone: %s":            "lo que se aplicó se puede deshacer: %s",
	"Applied. %s undoes it.":                        "Aplicado. Para deshacerlo: %s",
	"The instance is %s: launch another.":           "La instancia está %s: lance otra.",
	"nothing was changed: nobody can be asked":      "no se cambió nada: no hay a quién preguntar",
	"give --yes to apply it":                        "indique --yes para aplicarlo",
	"Apply this? [y/N]":                             "¿Aplicar esto? [s/N]",
	"Nothing was changed.":                          "No se cambió nada.",
	"reading the answer: %v":                        "no se pudo leer la respuesta: %v",
	"%s is there already: it undoes an earlier fix": "%s ya existe: deshace una corrección anterior",
	"undo that with keyturn fix --undo %s, or name another file with --rollback": "deshágala con keyturn fix --undo %s o indique otro archivo con --rollback",
	"%s cannot be read: %v":                                     "no se puede leer %s: %v",
	"give the file that keyturn fix wrote":                      "indique el archivo que escribió keyturn fix",
	"the fix is applied, but you cannot start the instance: %v": "la corrección está aplicada, pero usted no puede iniciar la instancia: %v",
	"let its caller start it":                                   "haga que la inicie quien lo intentó antes",
	"It does not stay started: %s":                              "No permanece iniciada: %s",
	"after %s the instance is still %s":                         "después de %s el estado de la instancia sigue siendo %s",
	"look again: %s":                                            "mire de nuevo: %s",
	"there is no instance %s any more":                          "la instancia %s ya no existe",
}
