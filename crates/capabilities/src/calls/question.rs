//! The ids of questions to the client, by which any replica knows whose answer it holds.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::CallKey;
use crate::mac::MacKey;
use crate::sessions::SessionId;

const KIND: &str = "question";
const CODE: usize = 8;

/// The id of a question that a call asked its client: the call, the number of the question in it, and a code over
/// both and the session. What a client made up or brought from another session is refused without the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionId {
    /// The call that asked.
    pub call: CallKey,
    /// The number of the question in its call.
    pub number: u64,
}

impl QuestionId {
    /// Writes the id as the text of a JSON-RPC string id: `<call>.<number>.<code>`.
    pub fn mint(&self, mac: &MacKey) -> String {
        let call = URL_SAFE_NO_PAD.encode(self.call.id());
        let code = URL_SAFE_NO_PAD.encode(mac.sign(KIND, &self.signed()));
        format!("{call}.{}.{code}", self.number)
    }

    /// Reads an id that a client of `session` sent; `None` when the deployment minted none like it for that session.
    pub fn verify(mac: &MacKey, session: &SessionId, text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (call, digits, code) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        // Only one spelling is ever minted.
        if number.to_string() != digits {
            return None;
        }
        let call = String::from_utf8(URL_SAFE_NO_PAD.decode(call).ok()?).ok()?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        let id = Self {
            call: CallKey::new(session, &call).ok()?,
            number,
        };
        (code.len() == CODE && mac.verify(KIND, &id.signed(), &code)).then_some(id)
    }

    /// What the code is over. Each part is preceded by its length: no two questions sign the same bytes.
    fn signed(&self) -> Vec<u8> {
        let (session, call) = (self.call.session().as_bytes(), self.call.id().as_bytes());
        let mut bytes = Vec::with_capacity(24 + session.len() + call.len());
        for part in [session, call] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::tester;

    #[test]
    fn a_question_id_is_of_its_session_call_and_number_only() {
        let mac = MacKey::new([7; 16]);
        let (x, y) = (SessionId::mint(&mac, &tester()), SessionId::mint(&mac, &tester()));
        let id = QuestionId {
            call: CallKey::new(&x, "\"a.b\"").unwrap(),
            number: 12,
        };
        let text = id.mint(&mac);
        assert_eq!(QuestionId::verify(&mac, &x, &text), Some(id));
        assert_eq!(QuestionId::verify(&mac, &y, &text), None, "another session");
        let other_key = MacKey::new([8; 16]);
        assert_eq!(QuestionId::verify(&other_key, &x, &text), None);
        let (call, rest) = text.split_once('.').unwrap();
        let (_, code) = rest.split_once('.').unwrap();
        let one = URL_SAFE_NO_PAD.encode("1");
        for forged in [
            format!("{call}.13.{code}"),
            format!("{call}.012.{code}"),
            format!("{call}.+12.{code}"),
            format!("{one}.12.{code}"),
            format!("{call}.12"),
            format!("{call}.12.{code}."),
            format!("{call}.12.{}", &code[1..]),
            format!("{call}.12."),
            String::new(),
            "1".to_owned(),
        ] {
            assert_eq!(QuestionId::verify(&mac, &x, &forged), None, "{forged}");
        }
    }

    #[test]
    fn an_id_and_its_text_are_two_calls() {
        let mac = MacKey::new([7; 16]);
        let session = SessionId::mint(&mac, &tester());
        let text = |id: &str| {
            QuestionId {
                call: CallKey::new(&session, id).unwrap(),
                number: 1,
            }
            .mint(&mac)
        };
        assert_ne!(text("1"), text("\"1\""));
    }
}
