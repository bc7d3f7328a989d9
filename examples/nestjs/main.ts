import "reflect-metadata";
import { Latchkey } from "@latchkey/sdk";
import { KeyGuard } from "@latchkey/sdk/nest";
import { Controller, Get, Module, Req, UseGuards } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL
const key = new KeyGuard(latchkey);

@Controller()
class Documents {
  @Get()
  open() {
    return { open: "to everyone" };
  }

  @Get("documents")
  @UseGuards(key)
  read(@Req() request: object) {
    return { hello: key.keyOf(request).identity?.externalId };
  }
}

@Module({ controllers: [Documents] })
class Application {}

const app = await NestFactory.create(Application);
await app.listen(Number(process.env.PORT ?? 3000));
