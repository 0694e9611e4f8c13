"""What orders to a reader look like: the word lists of `wording.is_instruction`.

`PATTERNS` are compared with folded text (lower case, no accents); `PHRASES` with text from which
everything but letters and digits was taken, so that spacing out does not hide them.
"""

_LIMITS = (
    r"(?:size|sizing|limit|risk|leverage|stop|guard|cap\b|caps\b|bound|position|contract|lot\b|lots\b|safety|"
    r"restriction|protection|kill|breaker|exposure|allocation|cadence|budget)"
)

PATTERNS: tuple[str, ...] = (
    r"(?:(?<!\w)\w[\W_]+){7}",  # letters spaced out
    # to set aside what holds; also ignorar, ignorez, ignorieren, zignoruj
    r"ignor[aeiou]", r"\bdisregard", r"overrid", r"overrul", r"bypass", r"circumvent", r"jailbr", r"unrestrict",
    r"\bforget (?:about |all|any|ever|previous|prior|the|your|what|this)", r"\bdan mode", r"do anything now",
    r"\b(?:previous|prior|earlier|above|preceding|initial|original|system|developer|hidden|following|new|these|your)"
    r"\s+(?:instruction|prompt|message|rule|directive|command|guideline|order)",
    r"(?:system|developer|hidden|secret|initial)[\s_-]*prompt", r"prompt injection",
    r"(?:developer|debug|god|admin) mode",
    # to speak to the reader
    r"\byou (?:are|must|should|shall|will|have to|need to|may now|can now)\b", r"\bact as\b", r"pretend",
    r"role[\s-]?play", r"from now on", r"\byour (?:task|limits?|instructions?|rules?|guidelines?|answer|job|goal)\b",
    r"\b(?:answer|respond|reply|output|say|return) (?:only |always |just )?(?:with|in|as|exactly|only)\b",
    r"\balways (?:answer|respond|return|say|output|set|choose|report|enter|buy|sell)\b",
    r"\bset (?:the )?(?:regime|confidence|risk|enabled|limit|size|stop|direction|max|min|mode|authority)",
    # to make it bigger or looser
    r"\b(?:increas|rais|doubl|tripl|quadrupl|maximi|lift|remov|disabl|widen|loosen|exceed|expand|boost|enlarg|unlock|"
    r"suspend|waiv|relax|turn off|switch off|shut off|scale up|ramp up|add to|go all|drop|stop using|max out|use max)"
    rf"\w*\b.{{0,40}}?{_LIMITS}",
    rf"{_LIMITS}\w*\b.{{0,40}}?\b(?:raised|lifted|removed|increased|doubled|tripled|disabled|unlimited|suspended|"
    r"waived|off now|no longer|do not apply|does not apply|not apply|void|cancelled|relaxed)",
    r"\ball[\s-]in\b", r"\bmax(?:imum)? (?:size|risk|leverage|position|contracts)\b", r"unlimited", r"no limits?\b",
    # to trade at once
    r"\b(?:buy|sell|go long|go short|enter|liquidate|close|flatten)\s+(?:now|immediately|at once|everything|all|max)\b",
    r"\b(?:place|submit|execute|send|cancel)\s+(?:\w+\s+){0,3}orders?\b",
    # to give something away
    r"\b(?:api|secret|private|access|encryption)[\s_-]*keys?\b", r"password", r"passphrase", r"credential",
    r"\b(?:access|auth|bearer|session|api)[\s_-]*tokens?\b", r"environment variable", r"\.env\b", r"\bsk-\w",
    r"\b(?:reveal|repeat|print|leak|exfiltrat|disclos|dump|show|tell|send|forward)\w*\b.{0,30}?"
    r"\b(?:prompt|keys?|instructions?|secrets?|config\w*|tokens?|conversation|above|me|us)\b",
    r"\b(?:withdraw|transfer|wire)\w* (?:\w+ ){0,3}(?:money|funds?|balance|profits?)",
    # to be somebody
    r"\b(?:system|assistant|user|developer|tool|human|operator|admin)\s*:", r"im_(?:start|end)", r"endoftext",
    r"<<\s*sys", r"\[/?\s*inst", r"</?\s*(?:system|assistant|user|think|tool|instruction)",
    r"#{2,}\s*(?:system|instruction)",
    r"\b(?:begin|end|start) (?:of )?(?:system|instruction|prompt|data)\b",
    r"\bas (?:the|your|an?) (?:exchange|broker|operator|admin\w*|developer|owner|venue|regulator|risk manager|ceo)\b",
    r"\bthis is (?:the|your|an?) (?:exchange|broker|operator|admin\w*|developer|owner|venue|compliance|test)\b",
    r"\bwe (?:hereby )?(?:confirm|authori[sz]e|approve|permit|grant)", r"authori[sz]ed (?:by|to)", r"on behalf of",
    # code and addresses
    r"\bsudo\b", r"\brm -rf", r"\beval\s*\(", r"\bexec\s*\(", r"<script", r"drop table", r"\bcurl\b", r"\bwget\b",
    r"import os\b", r"!\[", r"[a-z]{3,}://", r"\bwww\.", r"javascript:", r"\$\(", r"\{\{",
    r'"\s*[}\]]\s*[,}\]]', r"[{,]\s*\"\w+\"\s*:",
    # es, pt, it
    r"\b(?:olvid|esquec|esquec|dimentic)\w+", r"(?:instruc+i?\w+|istruzion\w+) (?:anterior|previ|precedent)\w*",
    r"\b(?:aument|increment|elev|dupli|dobr|raddoppi|desactiv|desativ|disattiv|elimin|remov|rimuov)\w*\b.{0,30}?"
    r"\b(?:taman|limit|riesg|risc|rischi|posic|posiz|apalanc|tamanh|dimension|stop)\w*", r"clave (?:api|secreta)",
    # fr
    r"\b(?:oubli|neglig)\w+", r"(?:instructions?|consignes?) (?:precedent|anterieur|ci-dessus)\w*",
    r"\b(?:augment|doubl|desactiv|supprim|relev)\w*\b.{0,30}?\b(?:taille|limite|risque|position|levier|stop)\w*",
    # de, nl
    r"\b(?:vergiss|vergesst|missacht|uberschreib|ueberschreib|umgeh|negeer|vergeet)\w*",
    r"\b(?:vorherig|bisherig|obig|fruher|vorige|eerdere)\w* (?:anweisung|befehl|regel|instruct|opdracht)\w*",
    r"\b(?:erhoh|erhoeh|verdopp|deaktivier|entfern|verhoog|verdubbel)\w*\b.{0,30}?"
    r"\b(?:gross|groess|limit|risik|risic|position|hebel|stop|positie)\w*", r"systemprompt",
    r"anweisungen? (?:ab|oben)",
    # pl, tr, id, vi
    r"poprzedni\w* (?:instrukcj|polece)\w*", r"onceki (?:talimat|komut)\w*", r"yok ?say", r"gormezden gel",
    r"\babaikan\b", r"instruksi sebelum", r"\bbo qua\b", r"huong dan truoc", r"zwieksz\w* .{0,20}(?:ryzyk|limit|pozyc)",
)

PHRASES: tuple[str, ...] = (
    "override the guards", "forget everything", "disable the stop", "disregard the rules",
    "ignore previous", "ignore all", "ignore the above", "ignore instructions", "disregard previous", "disregard all",
    "previous instructions", "prior instructions", "override limit", "override risk", "override guard",
    "increase size", "increase risk", "increase limit", "raise limit", "raise the limit", "raise risk", "double size",
    "disable guard", "disable stop", "remove stop", "remove limit", "system prompt", "developer mode", "api key",
    "reveal prompt", "reveal the prompt", "new instructions", "you are now", "from now on",
    # ru, uk
    "игнорир", "ігнору", "предыдущие инструкции", "предыдущие указания", "прежние инструкции", "забудь", "увеличь",
    "увеличить размер", "повысь лимит", "системный промпт", "системная подсказка", "отключи", "ключ api",
    "попередні інструкції", "збільш", "обойди", "сними лимит",
    # zh, ja, ko
    "忽略", "无视", "無視", "忽視", "之前的指令", "以上指令", "先前的指示", "系统提示",
    "系統提示", "增加仓位", "加大仓位", "提高限额", "提高风险", "取消止损", "密钥",
    "以前の指示", "これまでの指示", "システムプロンプト", "指示に従", "リスクを上げ", "ロットを増や", "サイズを増や",
    "무시", "이전 지시", "이전 명령", "시스템 프롬프트", "리스크를 높", "한도를 올",
    # ar, fa, he, hi, th, el
    "تجاهل", "التعليمات السابقة", "زيادة الحجم", "نادیده بگیر", "התעלם", "הוראות קודמות", "अनदेखा", "नज़रअंदाज़",
    "पिछले निर्देश", "เพิกเฉย", "ละเว้นคำสั่ง", "αγνοησε", "προηγουμενες οδηγιες",
)
