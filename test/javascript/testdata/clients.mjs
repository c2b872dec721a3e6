// Clients of the server under test, with the root user's keys or with others.

const endpoint = process.env.KEYTURN_ENDPOINT;

export function client(Kind, credentials) {
  const given = credentials && {
    credentials: {
      accessKeyId: credentials.AccessKeyId,
      secretAccessKey: credentials.SecretAccessKey,
      sessionToken: credentials.SessionToken,
    },
  };
  return new Kind({ endpoint, region: "eu-west-1", maxAttempts: 1, ...given });
}

// refused is the error's name with which a call is refused.
export async function refused(call) {
  try {
    await call;
  } catch (e) {
    return e.name;
  }
  return "no error";
}

export const soon = (client) => ({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 });
