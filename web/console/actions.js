// The two actions, and the dialog that asks before them.

const dialog = document.getElementById('dialog');
const title = document.getElementById('dialog-title');
const text = document.getElementById('dialog-text');
const secretBox = document.getElementById('dialog-secret');
const secretInput = secretBox.querySelector('input');
const error = document.getElementById('dialog-error');
const ok = document.getElementById('dialog-ok');

let secret = ''; // the password or token; gone with the page

// ask shows what an action would do, and does it when that is confirmed.
// done(cluster) gets the cluster as it is afterwards.
export function ask(name, member, state, done) {
  const action = describe(name, member, state);
  title.textContent = action.title;
  text.textContent = action.text;
  ok.textContent = action.button;
  ok.disabled = false;
  error.hidden = true;
  const word = {token: 'Token (--http-token)', password: 'Password (--requirepass)'}[state.actions];
  secretBox.hidden = !word;
  secretBox.querySelector('span').textContent = word ?? '';
  secretInput.value = secret;
  ok.onclick = async event => {
    event.preventDefault();
    secret = secretInput.value;
    ok.disabled = true;
    error.hidden = true;
    try {
      const cluster = await post(action.path, action.body);
      dialog.close();
      done(cluster);
    } catch (e) {
      error.textContent = e.message;
      error.hidden = false;
    }
    ok.disabled = false;
  };
  dialog.showModal();
}

function describe(name, member, state) {
  if (name === 'snapshot') {
    return {
      path: 'snapshot', body: {node: member.id}, button: 'Take snapshot', title: `Snapshot of ${member.id}`,
      text: `${member.id} writes its keyspace to disk and lets go of the log before it. It serves on meanwhile.`,
    };
  }
  if (member.id === state.leader) {
    return {
      path: 'transfer', body: {}, button: 'Hand over', title: `Hand over from ${member.id}`,
      text: `The member that is most up to date takes over from ${member.id}. Clients wait for a moment.`,
    };
  }
  return {
    path: 'transfer', body: {to: member.id}, button: `Make ${member.id} leader`, title: `Make ${member.id} the leader`,
    text: `${state.leader || 'The leader'} hands over to ${member.id} as soon as that has all entries. Clients wait for a moment.`,
  };
}

async function post(path, body) {
  const headers = {'Content-Type': 'application/json', 'Redoubt-Action': path};
  if (secret) headers.Authorization = 'Bearer ' + utf8(secret);
  let answer;
  try {
    answer = await fetch('/v1/actions/' + path, {method: 'POST', headers, body: JSON.stringify(body)});
  } catch {
    throw new Error('The node does not answer. Whether it has acted is not known.');
  }
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.message);
  return result;
}

// utf8 writes text as a header takes it: a header has bytes, not characters.
function utf8(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
