package phrase

// spanishDemo are the texts of "keyturn demo".
var spanishDemo = map[string]string{
	"an AWS in memory on %s, the SDK's own clients, signed requests": "un AWS en memoria en %s, los clientes del propio SDK, solicitudes firmadas",
	"An administrator sets the stage":                                "Un administrador prepara el escenario",
	"test starts the instance":                                       "test inicia la instancia",
	"What AWS's article has you look at":                             "Lo que hace mirar el artículo de AWS",
	"What the doctor sees":                                           "Lo que ve el diagnóstico",
	"The administrator attaches the fix":                             "El administrador adjunta la corrección",
	"test starts the instance again":                                 "test inicia la instancia de nuevo",
	"And no more than that":                                          "Y nada más que eso",
	"user":                                                           "usuario",
	"may do":                                                         "puede usar",
	"customer key":                                                   "clave",
	"instance":                                                       "instancia",
	"root device volume":                                             "volumen raíz",
	"other volume":                                                   "otro volumen",
	"AmazonEC2FullAccess, as AWS publishes it, and nothing else":          "AmazonEC2FullAccess, como la publica AWS, y nada más",
	"%s on %s, encrypted under the key":                                   "%s en %s, cifrado con la clave",
	"fix.json is the policy above, as the doctor wrote it.":               "fix.json es la política de arriba, como la escribió el diagnóstico.",
	"kms:GrantIsForAWSResource lets EC2 have its grant, and nobody else.": "kms:GrantIsForAWSResource deja que EC2 tenga su concesión, y nadie más.",
	"%s is running.": "%s está en ejecución.",
	"Yours to try: %s, and the AWS CLI. An instance of your own: %s": "Para probarlo usted: %s y la AWS CLI. Con una instancia suya: %s",
}
