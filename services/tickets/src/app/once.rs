//! The same request twice is one effect and one answer (I02).

use portico_chassis::error::Error;
use portico_chassis::journal::{Replay, RequestKey, replay};

use super::Tickets;
use super::asker::Asker;

impl Tickets {
    /// Does `work`, whose entry in the journal carries `request`, or finds what it was answered before.
    ///
    /// The journal knows its requests, so what only commits is not looked up first. It is when the work `spends` something on the way, and when
    /// it is refused: since its first time a rule may have changed, or a quota may be full.
    ///
    /// # Errors
    /// `KeyReused` for the key of another request; what the work says.
    pub(super) async fn once(
        &self,
        asker: &Asker,
        request: &RequestKey,
        spends: bool,
        work: impl Future<Output = Result<Vec<u8>, Error>>,
    ) -> Result<Vec<u8>, Error> {
        if spends && let Replay::Answered(answer) = self.earlier(asker, request).await? {
            return Ok(answer);
        }
        match work.await {
            // A fault may pass by itself, and then whoever asks again is told.
            Err(refusal) if !spends && !is_fault(&refusal) => match self.earlier(asker, request).await? {
                Replay::Answered(answer) => Ok(answer),
                Replay::New => Err(refusal),
            },
            done => done,
        }
    }

    async fn earlier(&self, asker: &Asker, request: &RequestKey) -> Result<Replay, Error> {
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        replay(&mut conn, &asker.portal, request).await
    }
}

fn is_fault(error: &Error) -> bool {
    error.is_transient() && !matches!(error, Error::RateLimited { .. })
}
