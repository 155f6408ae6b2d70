"""What PEFT answers with adapters, token by token, as JSON; runs in the environment `kv`, which has it.

    python peft_answers.py MODEL PROMPT TOKENS FOLDER…

The model alone comes first, then each adapter: the ids of the prompt, those of the answer, the log-p of each, the text.
"""

import json
import sys
from importlib import import_module
from typing import Any


def main(folder: str, prompt: str, tokens: int, adapters: list[str]) -> list[dict[str, Any]]:
    """The likeliest answers, in float32."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    peft: Any = import_module("peft")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    asked = [{"role": "user", "content": prompt}]
    ids: list[int] = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)

    def answered(model: Any) -> dict[str, Any]:
        made: list[int] = []
        scores: list[float] = []
        for _ in range(tokens):
            with torch.no_grad():
                likely = model(torch.tensor([[*ids, *made]])).logits[0, -1].float().log_softmax(-1)
            best = int(likely.argmax())
            made.append(best)
            scores.append(float(likely[best]))
        text = tokenizer.decode(made, skip_special_tokens=True)
        return {"prompt": ids, "made": made, "scores": scores, "text": text}

    def model() -> Any:
        return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    return [answered(model()), *(answered(peft.PeftModel.from_pretrained(model(), each)) for each in adapters)]


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]), sys.stdout)
