//! The ids of questions that belong to no call, by which any replica knows where an answer goes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::mac::MacKey;
use crate::sessions::SessionId;

const KIND: &str = "session question";
const CODE: usize = 8;
/// No id of a call's question begins like this: one letter is no base64.
const PREFIX: &str = "g";

/// The id of a question that an upstream asked the client outside of any call: its number in the session, and a code
/// over that and the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionQuestion {
    /// The number of the question in its session.
    pub number: u64,
}

impl SessionQuestion {
    /// Writes the id as the text of a JSON-RPC string id: `g.<number>.<code>`.
    pub fn mint(self, mac: &MacKey, session: &SessionId) -> String {
        let code = URL_SAFE_NO_PAD.encode(mac.sign(KIND, &self.signed(session)));
        format!("{PREFIX}.{}.{code}", self.number)
    }

    /// Reads an id that a client of `session` sent; `None` when the deployment minted none like it for that session.
    pub fn verify(mac: &MacKey, session: &SessionId, text: &str) -> Option<Self> {
        let (digits, code) = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
        let number: u64 = digits.parse().ok()?;
        // Only one spelling is ever minted.
        if number.to_string() != digits {
            return None;
        }
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        let id = Self { number };
        (code.len() == CODE && mac.verify(KIND, &id.signed(session), &code)).then_some(id)
    }

    /// What the code is over. The number has one length, so no two pairs sign the same bytes.
    fn signed(self, session: &SessionId) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], session.name().as_bytes()].concat()
    }
}

/// A request to the client.
pub(super) fn request(id: &str, method: &str, params: Option<&RawValue>) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Request<'a> {
        jsonrpc: &'static str,
        id: &'a str,
        method: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<&'a RawValue>,
    }
    let request = Request {
        jsonrpc: "2.0",
        id,
        method,
        params,
    };
    to_raw_value(&request).expect("texts and raw JSON are JSON")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::calls::{CallKey, QuestionId};
    use crate::testing::tester;

    #[test]
    fn a_question_id_is_of_its_session_and_number_only() {
        let mac = MacKey::new([7; 16]);
        let (x, y) = (SessionId::mint(&mac, &tester()), SessionId::mint(&mac, &tester()));
        let id = SessionQuestion { number: 12 };
        let text = id.mint(&mac, &x);
        assert_eq!(SessionQuestion::verify(&mac, &x, &text), Some(id));
        assert_eq!(SessionQuestion::verify(&mac, &y, &text), None, "another session");
        assert_eq!(SessionQuestion::verify(&MacKey::new([8; 16]), &x, &text), None);
        assert_eq!(QuestionId::verify(&mac, &x, &text), None, "no question of a call");
        let code = text.rsplit('.').next().unwrap();
        for forged in [
            format!("g.13.{code}"),
            format!("g.012.{code}"),
            format!("g.+12.{code}"),
            format!("h.12.{code}"),
            format!("g.12.{code}."),
            format!("g.12.{}", &code[1..]),
            "g.12.".to_owned(),
            "g.12".to_owned(),
            String::new(),
        ] {
            assert_eq!(SessionQuestion::verify(&mac, &x, &forged), None, "{forged}");
        }
        let of_a_call = QuestionId {
            call: CallKey::new(&x, "1").unwrap(),
            number: 12,
        };
        assert_eq!(SessionQuestion::verify(&mac, &x, &of_a_call.mint(&mac)), None);
    }
}
